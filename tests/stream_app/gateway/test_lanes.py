"""Requests share batches, and each is answered when the last of those that it is part of has landed."""

import asyncio

import pytest

from stream_app.gateway.lanes import Lane, Ticket

RECORD = 100_000
"""Seven of this size fit into a batch."""


def board(lane: Lane, ticket: Ticket, records: int, size: int = RECORD) -> None:
    lane.join(ticket)
    for number in range(records):
        lane.waiting += (b"u1", bytes([number]) * size, [])


def ticket() -> Ticket:
    return Ticket(asyncio.get_running_loop().create_future(), 1)


async def landings(lane: Lane, tickets: list[Ticket]) -> list[tuple[int, list[bool]]]:
    """Let everything depart and land: the records of each batch, and which requests are answered after it."""
    found = []
    while lane.waiting:
        batch = lane.depart(1.0, 1_795_356_616_735)
        for each in batch.tickets:
            each.note(None)
        found.append((batch.builder.record_count(), [each.future.done() for each in tickets]))
    return found


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([2, 3], [(5, [True, True])]),
        ([7, 1], [(7, [True, False]), (1, [True, True])]),
        ([5, 3], [(7, [True, False]), (1, [True, True])]),
        ([1, 15, 1], [(7, [True, False, False]), (7, [True, False, False]), (3, [True, True, True])]),
    ],
)
def test_a_request_is_answered_when_its_last_batch_has_landed(
    sizes: list[int], expected: list[tuple[int, list[bool]]]
) -> None:
    async def run() -> None:
        lane = Lane("t.clickstream", 0)
        tickets = [ticket() for _ in sizes]
        for each, size in zip(tickets, sizes, strict=True):
            board(lane, each, size)
        assert await landings(lane, tickets) == expected
        assert [each.left for each in tickets] == [0] * len(sizes)

    asyncio.run(run())


def test_a_record_larger_than_a_batch_travels_alone() -> None:
    async def run() -> None:
        lane, large, small = Lane("t.clickstream", 0), ticket(), ticket()
        board(lane, large, 1, size=1_000_000)
        board(lane, small, 1)
        assert await landings(lane, [large, small]) == [(1, [True, False]), (1, [True, True])]

    asyncio.run(run())


def test_whoever_waits_for_a_lane_that_is_given_up_is_known() -> None:
    async def run() -> None:
        lane, gone, kept = Lane("t.clickstream", 0), ticket(), ticket()
        board(lane, gone, 7)
        board(lane, kept, 1)
        lane.depart(1.0, 1_795_356_616_735)
        assert lane.leave() == [kept]
        assert (lane.waiting, lane.in_flight) == ([], None)

    asyncio.run(run())

"""Bodies are judged in the order of their arrival, and between some of them the loop looks at its sockets."""

import asyncio

from stream_app.gateway.turns import Turns

LARGE = 100_000
"""Three of this size are judged in one pass of the loop."""


async def passes_of(sizes: list[int]) -> list[list[int]]:
    """Which bodies went through in which pass of the loop."""
    turns, number, found = Turns(), 0, dict[int, list[int]]()

    async def judge(place: int, size: int) -> None:
        await turns.take(size)
        found.setdefault(number, []).append(place)

    tasks = [asyncio.create_task(judge(place, size)) for place, size in enumerate(sizes)]
    while not all(task.done() for task in tasks):
        await asyncio.sleep(0)
        number += 1
    return list(found.values())


def test_large_bodies_go_by_turns_and_in_order() -> None:
    passes = asyncio.run(passes_of([LARGE] * 8))

    assert passes == [[0, 1, 2], [3, 4, 5], [6, 7]]


def test_small_bodies_do_not_wait() -> None:
    passes = asyncio.run(passes_of([500] * 400))

    assert passes == [list(range(400))]


def test_a_body_larger_than_a_turn_goes_alone() -> None:
    passes = asyncio.run(passes_of([10 * LARGE, 1, 10 * LARGE, 1]))

    assert passes == [[0], [1, 2], [3]]


def test_it_tells_whether_more_is_coming_and_forgets_who_has_gone() -> None:
    async def run() -> None:
        turns = Turns()
        tasks = [asyncio.create_task(turns.take(10 * LARGE)) for _ in range(3)]
        assert not turns.is_awaited()
        await asyncio.sleep(0)
        assert turns.is_awaited()
        tasks[1].cancel()
        await asyncio.wait(tasks)
        assert [task.cancelled() for task in tasks] == [False, True, False]
        assert not turns.is_awaited()

    asyncio.run(run())

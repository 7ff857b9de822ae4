"""Acknowledged runs move the store along the changelog; a record of somebody else is noticed at once."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import NamedTuple

import pytest

from stream_app.errors import WorkFailed
from stream_app.worker.changelog import EPOCH_KEY
from stream_app.worker.journal import Journal
from stream_app.worker.publisher import Handed, Record, Sendable
from stream_app.worker.stores import MemoryStore
from tests.stream_app.worker.changelogs import Log


class Acknowledged(NamedTuple):
    offset: int


class Broker:
    """Appends what it is sent, in batches of *size*, and acknowledges when told."""

    def __init__(self, size: int = 2) -> None:
        self.log = Log()
        self.size = size
        self._waiting: list[tuple[asyncio.Future[Acknowledged], int]] = []

    async def send(self, records: Iterable[Sendable]) -> list[Handed]:
        every = [Record(*record) for record in records]
        batches = [every[cut : cut + self.size] for cut in range(0, len(every), self.size)]
        handed = []
        for batch in batches:
            future: asyncio.Future[Acknowledged] = asyncio.get_running_loop().create_future()
            self._waiting.append((future, self.log.end))
            for record in batch:
                self.log.append(0, {record.key or b"": record.value or b""})
            handed.append(Handed(future, len(batch)))
        return handed

    def acknowledge(self) -> None:
        waiting, self._waiting = self._waiting, []
        for future, offset in waiting:
            future.set_result(Acknowledged(offset))


def run(scenario: Callable[[Broker, MemoryStore, Journal], Awaitable[None]]) -> tuple[Broker, MemoryStore]:
    broker, store = Broker(), MemoryStore()

    async def running() -> None:
        await scenario(broker, store, Journal(store, broker.send))

    asyncio.run(running())
    return broker, store


def test_the_position_follows_the_acknowledgements_in_order() -> None:
    async def scenario(broker: Broker, store: MemoryStore, journal: Journal) -> None:
        first = await journal.write({b"ann": b"1", b"bob": b"1", b"cyd": b"1"})
        second = await journal.write({b"ann": b"2"})
        assert store.position == 0
        broker.acknowledge()
        await journal.settle(second)  # whoever looks first
        assert store.position == 0
        await journal.settle(first)
        assert store.position == 4
        await journal.settle(await journal.write({}))
        assert store.position == 4

    run(scenario)


def test_an_ownership_begins_with_a_new_epoch() -> None:
    async def scenario(broker: Broker, store: MemoryStore, journal: Journal) -> None:
        store.epoch = 6
        announcing = asyncio.create_task(journal.announce({b"meta": b"{}"}))
        await asyncio.sleep(0)
        broker.acknowledge()
        await announcing

    broker, store = run(scenario)

    assert (store.epoch, store.position) == (7, 2)
    assert [record.key for record in broker.log.records] == [EPOCH_KEY, b"meta"]
    assert {(record.value or b"")[4:8] for record in broker.log.records} == {b"\x00\x00\x00\x07"}


@pytest.mark.parametrize("place", ["before", "between"])
def test_a_record_of_another_writer_ends_the_work_before_the_store_moves(place: str) -> None:
    async def scenario(broker: Broker, store: MemoryStore, journal: Journal) -> None:
        broker.size = 1
        if place == "before":
            broker.log.append(1, {b"zoe": b"of another owner"})
            entry = await journal.write({b"ann": b"1"})
        else:
            entry = await journal.write({b"ann": b"1"})
            broker.log.append(1, {b"zoe": b"of another owner"})
            entry.handed.extend((await journal.write({b"bob": b"1"})).handed)
        broker.acknowledge()
        with pytest.raises(WorkFailed, match="another worker writes"):
            await journal.settle(entry)
        assert store.position == 0

    run(scenario)

"""What a take-over has stored is in the changelog when it is done: it may be cut off before anybody goes on working."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from state import encode_profile
from stream_app.engine import PartitionEngine
from stream_app.kafka_clients import client_options
from stream_app.scoring import Scoring
from stream_app.takeover import whole
from stream_app.telemetry import WorkerMetrics
from stream_app.topics import READ, changelog_name
from stream_app.worker.changelog import EPOCH_KEY, read_partition
from stream_app.worker.context import Context
from stream_app.worker.deliveries import Deliveries
from stream_app.worker.publisher import Publisher, Record
from stream_app.worker.stores import MemoryStore
from tests.integration.workers import Tenant
from tests.properties.test_migration import NEW, OLD
from tests.state.builders import START, build_event
from tests.stream_app.partitions import arrived, scoring

pytestmark = pytest.mark.integration

HOLD = 1000
COMMITTED = dict.fromkeys(range(len(READ)), 1 << 40)


class Process:
    """Of a worker what owns partition 0, with a store in memory that it keeps."""

    def __init__(self, tenant: Tenant, publisher: Publisher, rules: Scoring) -> None:
        self.context = Context(tenant.settings, rules, publisher, WorkerMetrics(), lambda: START)
        self.topic, self.options = changelog_name(tenant.settings), client_options(tenant.settings)
        self.store = MemoryStore()

    async def take_over(self) -> None:
        """Everything up to the instant at which the lane would begin to work."""
        await read_partition(self.options, self.topic, {0: self.store})
        self.engine = PartitionEngine(self.context.scoring, self.store, "wall", HOLD)
        whole(self.engine.recovering(COMMITTED))
        self.deliveries = Deliveries(self.context, 0, 1, self.engine, self.store, lambda *_: None)
        await self.deliveries.announce([], self.engine.migrating())

    async def read_anew(self) -> dict[bytes, bytes]:
        """What another process would find."""
        other = MemoryStore()
        await read_partition(self.options, self.topic, {0: other})
        return dict(other.items())


def publishing(tenant: Tenant, scenario: Callable[[Publisher], Awaitable[None]]) -> None:
    """Run a scenario with a door to Kafka."""

    async def running() -> None:
        dense = frozenset({changelog_name(tenant.settings)})
        publisher = Publisher(client_options(tenant.settings), lambda: None, dense)
        await publisher.start()
        try:
            await scenario(publisher)
        finally:
            await publisher.stop()

    asyncio.run(running())


def test_a_migrated_profile_that_owes_nothing_is_not_only_in_memory(tenant: Tenant) -> None:
    async def deployed(publisher: Publisher) -> None:
        before = Process(tenant, publisher, scoring(OLD))
        await before.take_over()
        events = arrived([build_event(message=1), build_event(customer="bob", message=2)])
        await before.deliveries.start(before.engine.fold(events, now=START, stamp=(2, 1)), {2: 2})
        await before.deliveries.start(before.engine.erase("bob", stamp=(6, 0)), {6: 1})
        await before.deliveries.write_all()

        after = Process(tenant, publisher, scoring(NEW))
        await after.take_over()
        assert await after.read_anew() == dict(after.store.items())
        await Process(tenant, publisher, scoring(NEW)).take_over()  # refused, if only memory had known

    publishing(tenant, deployed)


def test_a_stale_record_does_not_outlive_what_counts(tenant: Tenant) -> None:
    """An owner that did not know better wrote last; compaction would keep that, and delete what counts."""

    async def fenced(publisher: Publisher) -> None:
        topic = changelog_name(tenant.settings)
        owner = Process(tenant, publisher, scoring(OLD))
        await owner.take_over()
        events = arrived([build_event(message=1)])
        await owner.deliveries.start(owner.engine.fold(events, now=START, stamp=(2, 0)), {2: 1})
        await owner.deliveries.write_all()
        stale = encode_profile(owner.engine.shelf.load("ann") or pytest.fail("nobody is stored"))
        late = [Record(key, b"\x00\x00\x00\x00" + stale) for key in (b"ann", b"never-seen")]
        for batch in await publisher.send(topic, 0, late):
            await batch

        heir = Process(tenant, publisher, scoring(OLD))
        await heir.take_over()
        records = [
            each for each in await asyncio.to_thread(tenant.records, topic) if each.place.partition == 0
        ]
        last = {each.key: int.from_bytes((each.value or b"")[:4], "big") for each in records}
        assert last[b"ann"] == last[b"never-seen"] == last[EPOCH_KEY] > 1
        assert heir.engine.profile("ann") is not None
        assert not [customer for customer, _ in heir.engine.profiles() if customer == "never-seen"]

    publishing(tenant, fenced)

"""How what a partition has folded leaves the worker: to the changelog, to the outputs, and then, and only then, marked.

The profiles that owe something go to the changelog together with it; when they are acknowledged the outputs are published
(see ARCHITECTURE, delivery). The others are held for a while, and the offsets are marked when they are in the changelog
as well. Runs overlap, each stage keeps the order of the runs.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from time import monotonic
from typing import Any

from faust.types import TP

from state import format_instant
from stream_app.effects import DeadLetter, Effects
from stream_app.engine import CLOCK_KEY, META_KEY, PartitionEngine
from stream_app.outputs import ALERT, Output
from stream_app.topics import IDENTITIES, SOURCES
from stream_app.worker.arrivals import Arrivals
from stream_app.worker.changelog import restated
from stream_app.worker.context import Context
from stream_app.worker.delivery import Delivery
from stream_app.worker.journal import Journal
from stream_app.worker.letters import dead_letter
from stream_app.worker.publisher import Handed, Record, Sendable
from stream_app.worker.routing import by_kind, notes_by_partition, state_record
from stream_app.worker.stores import TableStore
from stream_app.worker.write_behind import WriteBehind, Written

__all__ = ["Deliveries", "Published"]

Published = Callable[[int, Sequence[Record], float | None], None]
"""Told of stage changes that are acknowledged: the offset of the first, the records, and when (s, Unix time) the oldest
event that led to them came to Kafka."""

_IN_FLIGHT = 4
_REPUBLISH_RUN = 1000


class Deliveries:
    """The runs of one partition on their way out, for as long as this worker owns it.

    Args:
        context: What all lanes share.
        partition: The partition.
        generation: Consumer generation in which it was assigned; marks of another one are void.
        engine: The fold.
        store: Its profiles.
        published: Told of stage changes.

    Attributes:
        arrivals: Since when records wait.
        customers: Customers by (lifecycle index, stage index), as of one instant between two runs: the engine's own
            count moves while another thread reads it.
    """

    def __init__(
        self,
        context: Context,
        partition: int,
        generation: int,
        engine: PartitionEngine,
        store: TableStore,
        published: Published,
    ) -> None:
        self._context = context
        self._partition = partition
        self._generation = generation
        self._engine = engine
        self._store = store
        self._published = published
        self._journal = Journal(store, partial(self._send, "changelog"))
        self._behind = WriteBehind(context.settings.worker.commit_interval / 1e6)
        self._inflight: deque[asyncio.Task[None]] = deque()
        self._last: Delivery | None = None
        self.arrivals = Arrivals(len(SOURCES))
        self.customers = dict(engine.population)

    @property
    def wait(self) -> float | None:
        """Seconds until profiles have been held long enough; ``None`` if none are held."""
        return self._behind.wait(monotonic())

    async def announce(self, undelivered: list[Output], migrating: Iterator[Effects]) -> None:
        """Begin the ownership: a new epoch, what the state is written under, what is still owed, who is migrated."""
        values = {**restated(self._store), META_KEY: self._engine.meta()}
        for key, value in values.items():
            self._store.put(key, value)
        await self._journal.announce(values)
        effects = Effects()
        effects.outputs = undelivered
        await self.start(effects, {})
        is_migrated = False
        for migrated in migrating:
            await self.start(migrated, {})
            is_migrated = True
        # Who is migrated must not be held while nobody works on the partition: if it were taken away now, the store would
        # be ahead of the changelog, and the next start take it for the truth.
        if is_migrated:
            await self.write_all()

    async def start(
        self, effects: Effects, told: dict[int, int], arrived: float | None = None, *, is_last: bool = False
    ) -> None:
        """Start the delivery of a run; waits only while too many runs are under way.

        Args:
            effects: What it has changed and owes.
            told: Offsets by source below which everything is folded after it.
            arrived: When the oldest event that led to it came to Kafka (s, Unix time).
            is_last: Hold no profile any longer.
        """
        while len(self._inflight) >= _IN_FLIGHT:
            await self._inflight.popleft()
        engine = self._engine
        released, written = self._behind.write(
            engine.shelf, told, engine.clock_state(), monotonic(), is_last=is_last
        )
        stored = await self._journal.write(self._with_clock(effects.changed | released, written))
        done = written.done if written else {}
        self._last = run = Delivery(stored, effects, told, done, arrived, self._last)
        run.task = asyncio.create_task(self._finish(run))
        run.task.add_done_callback(self._context.watch)
        self._inflight.append(run.task)

    def _with_clock(self, values: dict[bytes, bytes], written: Written | None) -> dict[bytes, bytes]:
        """Add the clock, which must never be ahead of what is written: what is folded again would be late by it.

        Nor must it stay behind where only time has passed: what has been committed must not count as on time again.
        """
        if written is None:
            return values
        if not values and (self._engine.clock == "wall" or written.clock == self._store.get(CLOCK_KEY)):
            return values
        self._store.put(CLOCK_KEY, written.clock)
        return {**values, CLOCK_KEY: written.clock}

    async def write_all(self) -> None:
        """Write every profile that is held, and wait until all that was begun is done."""
        await self.start(Effects(), {}, is_last=True)
        await self.settled()

    async def settled(self) -> None:
        """Wait until all that was begun is published and marked."""
        while self._inflight:
            await self._inflight.popleft()

    async def _finish(self, run: Delivery) -> None:
        """Publish what a run owes when the changelog has it, and mark it when that is acknowledged, in order."""
        await self._journal.settle(run.stored)
        before, run.before = run.before, None
        if before is not None:
            await before.handed
        await self._settle(await self._publish(run))
        if before is not None:
            await before.task
        self._mark(run.told, run.done)
        self._context.metrics.count(self._context.source_topics, run.effects)
        self.customers = dict(self._engine.population)

    async def _publish(self, run: Delivery) -> list[Handed]:
        """Hand over what a run owes; what comes after it may be handed over as soon as its stage changes are."""
        outputs = by_kind(run.effects.outputs)
        notes, sent = notes_by_partition(run.effects.outputs, self._context.settings.topics.partitions), []
        for place, records in notes.items():
            sent += await self._send(IDENTITIES, records, place)
        sent += await self._send_changes(outputs.pop("stage-changes", []), run.arrived)
        run.handed.set_result(None)
        for kind, records in outputs.items():
            sent += await self._send(kind, records)
        if run.effects.dead_letters:
            sent += await self._send("dead-letters", self._letters(run.effects.dead_letters))
        return sent

    async def _send_changes(self, records: list[Record], arrived: float | None) -> list[Handed]:
        """Send stage changes, and let Redis have them as soon as they are acknowledged; nobody waits for Redis."""
        batches, told = await self._send("stage-changes", records), 0
        for batch in batches:
            part = records[told : told + batch.records]
            batch.acknowledged.add_done_callback(partial(self._tell_sink, part, arrived))
            told += batch.records
        return batches

    def _tell_sink(
        self, records: list[Record], arrived: float | None, acknowledged: "asyncio.Future[Any]"
    ) -> None:
        if not acknowledged.cancelled() and acknowledged.exception() is None:
            self._published(acknowledged.result().offset, records, arrived)

    def _mark(self, told: dict[int, int], done: dict[int, int]) -> None:
        names, marks = self._context.source_topics, self._context.marks
        for source, offset in told.items():
            self._engine.delivered(source, offset)
            marks.tell(self._generation, TP(names[source], self._partition), offset)
        for source, offset in done.items():
            marks.finish(self._generation, TP(names[source], self._partition), offset)
        self.arrivals.finish(told)
        self._context.progressed()

    async def _send(self, kind: str, records: Iterable[Sendable], place: int | None = None) -> list[Handed]:
        if not records:
            return []
        topic, partition = self._context.route(kind, self._partition if place is None else place)
        return await self._context.publisher.send(topic, partition, records)

    async def _settle(self, batches: list[Handed]) -> None:
        """Wait for acknowledgements."""
        for batch in batches:
            await batch

    async def republish(self, nonce: str, done: dict[int, int]) -> None:
        """Tell the present state of every customer, between two markers that carry *nonce*; then mark *done*."""
        await self.write_all()
        self._published(-1, [], None)  # so much is better read back
        marker = b"__republish__"
        mine = nonce.encode()
        await self._settle(
            await self._send("stage-changes", [Record(marker, b"{}", [("republish-begin", mine)])])
        )
        runs: dict[str, list[Record]] = {"churn-alerts": [], "stage-changes": []}
        for output in self._engine.republish():
            kind = "churn-alerts" if output.kind == ALERT else "stage-changes"
            runs[kind].append(state_record(output, mine))
            if len(runs[kind]) >= _REPUBLISH_RUN:
                await self._settle(await self._send(kind, runs[kind]))
                runs[kind] = []
        runs["stage-changes"].append(Record(marker, b"{}", [("republish-end", mine)]))
        for kind, run in runs.items():
            await self._settle(await self._send(kind, run))
        self._mark(done, done)

    def _letters(self, letters: Sequence[DeadLetter]) -> list[Record]:
        at, names = format_instant(self._context.now()), self._context.source_topics
        return [dead_letter(letter, names[letter.source], self._partition, at) for letter in letters]

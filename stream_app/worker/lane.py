"""One partition at work: records in, in order; profiles, outputs and dead letters out; then, and only then, marks.

The order of delivery (see ARCHITECTURE, delivery): the profiles that owe something go to the changelog together with it;
when they are acknowledged the outputs are published. The others are held for a while, and the offsets are marked when
they are in the changelog as well. Runs overlap, each stage keeps the order of the runs.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from time import monotonic
from typing import Any

import structlog
from faust.types import TP

from state import format_instant
from stream_app.alignment import Alignment, Arrived, Punctuation
from stream_app.effects import DeadLetter, Effects
from stream_app.engine import CLOCK_KEY, META_KEY, PartitionEngine
from stream_app.outputs import ALERT, Output
from stream_app.topics import IDENTITIES, SOURCES
from stream_app.worker.arrivals import Arrivals
from stream_app.worker.context import Context
from stream_app.worker.delivery import Delivery
from stream_app.worker.intake import NOTES, TICKS, Erase, Intake, Republish, Unmerge, Wake, read_tick
from stream_app.worker.journal import Journal
from stream_app.worker.letters import dead_letter
from stream_app.worker.publisher import Handed, Record
from stream_app.worker.routing import by_kind, notes_by_partition, state_record
from stream_app.worker.run_length import RunLength
from stream_app.worker.stores import TableStore
from stream_app.worker.write_behind import WriteBehind, Written

__all__ = ["Lane"]

log = structlog.get_logger(__name__)

_IN_FLIGHT = 4
#: Seconds that records wait for a tick of a producer that has never sent any.
_HOLD = 1.0
_REPUBLISH_RUN = 1000
#: Evaluations between two chances for others: some tens of milliseconds.
_SLICE = 150


class Lane:
    """The work of one partition, for as long as this worker owns it.

    Args:
        context: What all lanes share.
        partition: The partition.
        generation: Consumer generation in which it was assigned; marks of another one are void.
        engine: The fold, already recovered.
        store: Its profiles.
        intake: Decoder of its records.
        committed: Committed offsets by source index.
        published: Told of stage changes that are acknowledged: the offset of the first, the records, and when (s, Unix
            time) the oldest event that led to them came to Kafka.

    Attributes:
        engine: The fold.
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
        intake: Intake,
        committed: dict[int, int],
        published: Callable[[int, Sequence[Record], float | None], None],
    ) -> None:
        self.context = context
        self.partition = partition
        self.generation = generation
        self.engine = engine
        self.store = store
        self._journal = Journal(store, partial(self._send, "changelog"))
        self._intake = intake
        settings = context.settings
        hold, patience = (
            (0.0, 0.0) if settings.clock == "wall" else (_HOLD, settings.worker.tick_patience / 1e6)
        )
        # Who told this partition the time before will do so again: how fast this happens must not decide about the order.
        self._alignment = Alignment(len(SOURCES), hold=hold, patience=patience, is_punctuated=engine.is_told)
        self._length = RunLength(settings.worker.batch_records)
        self._resumed = (TICKS, committed.get(TICKS, 0))
        for source, offset in committed.items():
            if source < TICKS:
                self._alignment.start_at(source, offset)
        self._ticks: deque[tuple[int, Any]] = deque()
        self._notes: deque[Arrived] = deque()
        self._news = asyncio.Event()
        self._closing = False
        self._inflight: deque[asyncio.Task[None]] = deque()
        self._last: Delivery | None = None
        self._behind = WriteBehind(settings.worker.commit_interval / 1e6)
        self._alarm: asyncio.TimerHandle | None = None
        self._published = published
        self.arrivals = Arrivals(len(SOURCES))
        self.customers = dict(engine.population)

    # ---------------------------------------------------------------- input

    def offer(self, source: int, records: Sequence[Any]) -> None:
        """Take a fetched run of a source topic, of the ticks, or of the notes of other ids."""
        if source == NOTES:
            self._notes.extend(self._intake.notes(records))
        elif source == TICKS:
            for record in records:
                tick = read_tick(record.value, self.context.settings.topic_prefix)
                self._ticks.append((record.offset, tick))
                if isinstance(tick, Punctuation) and self.engine.clock == "event":
                    self._alignment.punctuate(tick)
        else:
            self.arrivals.come(source, records[-1].offset + 1, records[0].timestamp / 1000)
            self._alignment.add(self._intake.read(source, records), monotonic())
        self._news.set()

    async def close(self) -> None:
        """Fold nothing more; wait until what was folded is delivered and marked."""
        self._closing = True
        self._news.set()
        await self._settled()

    # ----------------------------------------------------------------- loop

    async def run(self) -> None:
        """Work until closed."""
        # A changed lifecycle file has made profiles due: they move now, not when the next record comes.
        await self._catch_up(Effects(), self._resumed, {})
        while not self._closing:
            if not (await self._turn() or await self._release()):
                await self._wait()
        await self._write_all()

    async def _release(self) -> bool:
        """Write the profiles that have been held long enough; ``False`` if there are none."""
        if not self._behind.due(now := monotonic()):
            rest = self._behind.wait(now)
            if rest is not None and self._alarm is None:
                self._alarm = asyncio.get_running_loop().call_later(rest, self._wake)
            return False
        await self._deliver(Effects(), {})
        return True

    def _wake(self) -> None:
        self._alarm = None
        self._news.set()

    async def _wait(self) -> None:
        self._news.clear()
        patience = self._alignment.wait(monotonic())
        if patience is None or self.engine.clock == "wall":
            await self._news.wait()
            return
        try:
            await asyncio.wait_for(self._news.wait(), timeout=max(patience, 0.01))
        except TimeoutError:
            return

    async def _turn(self) -> bool:
        """Read notes, fold what is ready, or do what the next tick asks; ``False`` if there is nothing to do."""
        if self._notes:
            return await self._receive()
        records = self._alignment.release(monotonic(), self._length.records)
        if records:
            if self._alignment.is_impatient:
                log.warning(
                    "no tick has come, events are folded in the order in which they came (worker.tick_patience)",
                    partition=self.partition, events=len(records),
                )  # fmt: skip
            last = records[-1]
            stamp = (last.source, last.offset)
            done = _positions(records)
            arrived = self.arrivals.take(done)
            async with self.context.turn:
                began = monotonic()
                effects = self.engine.fold(records, now=self.context.now(), stamp=stamp)
                took = monotonic() - began
            self._length.took(len(records), took)
            self.context.metrics.batch.observe(took)
            await self._catch_up(effects, stamp, done, arrived)
            return True
        return await self._tick()

    async def _receive(self) -> bool:
        """Do what ids of other partitions say to ids of this one."""
        run = [self._notes.popleft() for _ in range(min(len(self._notes), _SLICE))]
        stamp = (NOTES, run[-1].offset)
        async with self.context.turn:
            effects = self.engine.receive(run, now=self.context.now(), stamp=stamp)
        await self._catch_up(effects, stamp, {NOTES: run[-1].offset + 1})
        return True

    async def _tick(self) -> bool:
        if not self._ticks:
            return False
        offset, tick = self._ticks[0]
        stamp, done = (TICKS, offset), {TICKS: offset + 1}
        if isinstance(tick, Punctuation) and self.engine.clock == "event":
            if tick.at > self._alignment.frontier or not self._alignment.is_clear:
                return False
            self._ticks.popleft()
            self.engine.pass_to(tick.at)
            await self._catch_up(Effects(), stamp, done)
            return True
        self._ticks.popleft()
        if isinstance(tick, Wake) and self.engine.clock == "wall":
            self.engine.pass_to(min(tick.at, self.context.now()))
            await self._catch_up(Effects(), stamp, done)
        elif isinstance(tick, Erase):
            await self._deliver(self.engine.erase(tick.customer, stamp=stamp), done)
        elif isinstance(tick, Unmerge):
            await self._deliver(self.engine.unmerge(tick.anonymous, tick.nonce, stamp=stamp), done)
        elif isinstance(tick, Republish):
            await self._republish(tick.nonce, done)
        else:
            await self._deliver(Effects(), done)
        return True

    # ------------------------------------------------------------- delivery

    async def announce(self, undelivered: list[Output], migrating: Iterator[Effects]) -> None:
        """Begin the ownership: a new epoch, what the state is written under, what is still owed, who is migrated."""
        meta = self.engine.meta()
        self.store.put(META_KEY, meta)
        await self._journal.announce({META_KEY: meta})
        effects = Effects()
        effects.outputs = undelivered
        await self._deliver(effects, {})
        for migrated in migrating:
            await self._deliver(migrated, {})

    async def _catch_up(
        self, effects: Effects, stamp: tuple[int, int], done: dict[int, int], arrived: float | None = None
    ) -> None:
        """Deliver, and fire what has come due, in slices; the offsets are marked with the last of them.

        A slice is short, so that other partitions, heartbeats and the watchdog get their turn.
        """
        while self.engine.is_behind:
            if effects:
                await self._deliver(effects, {}, arrived)
                arrived = None  # what follows is caused by time
            async with self.context.turn:
                effects = self.engine.catch_up(most=_SLICE, stamp=stamp)
        await self._deliver(effects, done, arrived)

    async def _deliver(
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
        engine, now = self.engine, monotonic()
        self._behind.note(engine.held_through, told, engine.clock_state(), now)
        values = effects.changed | engine.release(engine.held_through if is_last else self._behind.due(now))
        written = self._behind.written(engine.oldest_held)
        stored = await self._journal.write(self._with_clock(values, written))
        done = written.done if written else {}
        self._last = run = Delivery(stored, effects, told, done, arrived, self._last)
        run.task = asyncio.create_task(self._finish(run))
        run.task.add_done_callback(self.context.watch)
        self._inflight.append(run.task)

    def _with_clock(self, values: dict[bytes, bytes], written: Written | None) -> dict[bytes, bytes]:
        """Add the clock, which must never be ahead of what is written: what is folded again would be late by it.

        Nor must it stay behind where only time has passed: what has been committed must not count as on time again.
        """
        if written is None:
            return values
        if not values and (self.engine.clock == "wall" or written.clock == self.store.get(CLOCK_KEY)):
            return values
        self.store.put(CLOCK_KEY, written.clock)
        return {**values, CLOCK_KEY: written.clock}

    async def _write_all(self) -> None:
        """Write every profile that is held, and wait until all that was begun is done."""
        await self._deliver(Effects(), {}, is_last=True)
        await self._settled()

    async def _settled(self) -> None:
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
        self.context.metrics.count(self.context.source_topics, run.effects)
        self.customers = dict(self.engine.population)

    async def _publish(self, run: Delivery) -> list[Handed]:
        """Hand over what a run owes; what comes after it may be handed over as soon as its stage changes are."""
        outputs = by_kind(run.effects.outputs)
        notes, sent = notes_by_partition(run.effects.outputs, self.context.settings.topics.partitions), []
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
        names, marks = self.context.source_topics, self.context.marks
        for source, offset in told.items():
            self.engine.delivered(source, offset)
            marks.tell(self.generation, TP(names[source], self.partition), offset)
        for source, offset in done.items():
            marks.finish(self.generation, TP(names[source], self.partition), offset)
        self.arrivals.finish(told)
        self.context.progressed()

    async def _send(self, kind: str, records: list[Record], place: int | None = None) -> list[Handed]:
        if not records:
            return []
        topic, partition = self.context.route(kind, self.partition if place is None else place)
        return await self.context.publisher.send(topic, partition, records)

    async def _settle(self, batches: list[Handed]) -> None:
        """Wait for acknowledgements."""
        for batch in batches:
            await batch

    async def _republish(self, nonce: str, done: dict[int, int]) -> None:
        await self._write_all()
        self._published(-1, [], None)  # so much is better read back
        marker = b"__republish__"
        mine = nonce.encode()
        await self._settle(
            await self._send("stage-changes", [Record(marker, b"{}", [("republish-begin", mine)])])
        )
        run: list[Record] = []
        for output in self.engine.republish():
            record = state_record(output, mine)
            if output.kind == ALERT:
                await self._settle(await self._send("churn-alerts", [record]))
                continue
            run.append(record)
            if len(run) >= _REPUBLISH_RUN:
                await self._settle(await self._send("stage-changes", run))
                run = []
        run.append(Record(marker, b"{}", [("republish-end", mine)]))
        await self._settle(await self._send("stage-changes", run))
        self._mark(done, done)

    def _letters(self, letters: Sequence[DeadLetter]) -> list[Record]:
        at, names = format_instant(self.context.now()), self.context.source_topics
        return [dead_letter(letter, names[letter.source], self.partition, at) for letter in letters]


def _positions(records: Sequence[Arrived]) -> dict[int, int]:
    return {record.source: record.offset + 1 for record in records}

"""One partition at work: records in, in order; profiles, outputs and dead letters out; then, and only then, marks.

A lane says what is done when; how it leaves the worker is in `stream_app.worker.deliveries`.
"""

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence
from time import monotonic
from typing import Any

import structlog

from stream_app.alignment import Alignment, Arrived, Punctuation
from stream_app.effects import Effects
from stream_app.engine import PartitionEngine
from stream_app.topics import SOURCES
from stream_app.worker.context import Context
from stream_app.worker.deliveries import Deliveries
from stream_app.worker.fair_share import fitting
from stream_app.worker.intake import NOTES, TICKS, Erase, Intake, Republish, Unmerge, Wake, read_tick
from stream_app.worker.run_length import RunLength
from stream_app.worker.undecoded import Undecoded

__all__ = ["Lane"]

log = structlog.get_logger(__name__)

#: Seconds that records wait for a tick of a producer that has never sent any.
_HOLD = 1.0
#: Evaluations between two chances for others: some tens of milliseconds.
_SLICE = 150
#: Records of a topic that are worth having in advance: as many as the longest run.
_ENOUGH = 10_000
#: Records of a topic that are decoded at a time.
_PART = 1000


class Lane:
    """The work of one partition, for as long as this worker owns it.

    Args:
        context: What all lanes share.
        partition: The partition.
        engine: The fold, already recovered.
        intake: Decoder of its records.
        committed: Committed offsets by source index.
        ends: Where the topics end, likewise.
        deliveries: How what it has folded leaves the worker.

    Attributes:
        engine: The fold.
        deliveries: What is on its way out.
    """

    def __init__(
        self,
        context: Context,
        partition: int,
        engine: PartitionEngine,
        intake: Intake,
        committed: dict[int, int],
        ends: dict[int, int],
        deliveries: Deliveries,
    ) -> None:
        self.context = context
        self.partition = partition
        self.engine = engine
        self.deliveries = deliveries
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
                if offset < ends[source]:
                    self._alignment.expect(source)
        self._undecoded = Undecoded(len(SOURCES))
        self._rest: list[Arrived] = []
        self._ticks: deque[tuple[int, Any]] = deque()
        self._notes: deque[Arrived] = deque()
        self._news = asyncio.Event()
        self._closing = False
        self._alarm: asyncio.TimerHandle | None = None

    # ---------------------------------------------------------------- input

    def has_enough(self, source: int) -> bool:
        """Whether as many records of a source topic wait to be folded as are of use: the small ones need not be far ahead.

        With the event clock there is no such number: a promise counts when all that it covers has been seen.
        """
        if source >= TICKS or self.engine.clock == "event":
            return False
        return self._undecoded.count(source) + self._alignment.buffered(source) >= _ENOUGH

    def offer(self, source: int, records: Sequence[Any], *, has_more: bool = False) -> None:
        """Take a fetched run of a source topic, of the ticks, or of the notes of other ids.

        Args:
            source: Index of the topic.
            records: The run.
            has_more: Whether more lay behind it in Kafka.
        """
        if source == NOTES:
            self._notes.extend(self._intake.notes(records))
        elif source == TICKS:
            for record in records:
                tick = read_tick(record.value, self.context.settings.topic_prefix)
                self._ticks.append((record.offset, tick))
                if isinstance(tick, Punctuation) and self.engine.clock == "event":
                    self._alignment.punctuate(tick)
        else:
            self.deliveries.arrivals.come(source, records[-1].offset + 1, records[0].timestamp / 1000)
            self._undecoded.put(source, records, has_more=has_more)
        self._news.set()

    async def close(self) -> None:
        """Fold nothing more; wait until what was folded is delivered and marked."""
        self._closing = True
        self._news.set()
        await self.deliveries.settled()

    # ----------------------------------------------------------------- loop

    async def run(self) -> None:
        """Work until closed."""
        # A changed lifecycle file has made profiles due: they move now, not when the next record comes.
        await self._catch_up(Effects(), self._resumed, {})
        while not self._closing:
            if not (await self._turn() or await self._release()):
                await self._wait()
        await self.deliveries.write_all()

    async def _release(self) -> bool:
        """Write the profiles that have been held long enough; ``False`` if there are none."""
        rest = self.deliveries.wait
        if rest is None:
            return False
        if rest > 0.0:
            self._alarm = self._alarm or asyncio.get_running_loop().call_later(rest, self._wake)
            return False
        await self.deliveries.start(Effects(), {})
        return True

    def _wake(self) -> None:
        self._alarm = None
        self._news.set()

    async def _wait(self) -> None:
        self._news.clear()
        patience = self._alignment.wait(monotonic())
        if patience is None:
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
        if records := self._share():
            if self._alignment.is_impatient:
                log.warning(
                    "no tick has come, events are folded in the order in which they came (worker.tick_patience)",
                    partition=self.partition, events=len(records),
                )  # fmt: skip
            last = records[-1]
            stamp = (last.source, last.offset)
            done = _positions(records)
            arrived = self.deliveries.arrivals.take(done)
            async with self.context.turn:
                began = monotonic()
                effects = self.engine.fold(records, now=self.context.now(), stamp=stamp)
                took = monotonic() - began
            self._length.took(len(records), took)
            self.context.metrics.batch.observe(took)
            await self._catch_up(effects, stamp, done, arrived)
            return True
        return await self._tick()

    def _share(self) -> list[Arrived]:
        """The next run. With the event clock every event of a customer may be told of: of one with very many, some wait."""
        records = self._rest or self._ready(self._length.records)
        if self.engine.clock == "wall":
            return records
        count = fitting(records, len(self.engine.scoring.tracks))
        self._rest = records[count:]
        return records[:count]

    def _ready(self, most: int) -> list[Arrived]:
        """The next records to fold, *most* at most; decodes of each topic as much as it takes to say which they are."""
        alignment = self._alignment
        ready: list[Arrived] = []
        while len(ready) < most:
            self._decode(source for source in self._undecoded.sources() if not alignment.buffered(source))
            released = alignment.release(monotonic(), most - len(ready))
            ready += released
            if not released and not self._promised():
                break
        return ready

    def _promised(self) -> bool:
        """Decode more of all topics where that can help: a promise counts when all that it covers has been seen."""
        return self.engine.clock == "event" and self._decode(self._undecoded.sources())

    def _decode(self, sources: Iterable[int]) -> bool:
        """Decode the next records of each of these; ``False`` if there are none."""
        some = False
        for source in sources:
            records, has_more = self._undecoded.take(source, _PART)
            self._alignment.add(self._intake.read(source, records), monotonic(), has_more=has_more)
            some = True
        return some

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
            self._alignment.passed()
            return True
        self._ticks.popleft()
        if isinstance(tick, Wake) and self.engine.clock == "wall":
            self.engine.pass_to(min(tick.at, self.context.now()))
            await self._catch_up(Effects(), stamp, done)
        elif isinstance(tick, Erase):
            await self.deliveries.start(self.engine.erase(tick.customer, stamp=stamp), done)
        elif isinstance(tick, Unmerge):
            await self.deliveries.start(self.engine.unmerge(tick.anonymous, tick.nonce, stamp=stamp), done)
        elif isinstance(tick, Republish):
            await self.deliveries.republish(tick.nonce, done)
        else:
            await self.deliveries.start(Effects(), done)
        return True

    async def _catch_up(
        self, effects: Effects, stamp: tuple[int, int], done: dict[int, int], arrived: float | None = None
    ) -> None:
        """Deliver, and fire what has come due, in slices; the offsets are marked with the last of them.

        A slice is short, so that other partitions, heartbeats and the watchdog get their turn.
        """
        while self.engine.is_behind:
            if effects:
                await self.deliveries.start(effects, {}, arrived)
                arrived = None  # what follows is caused by time
            async with self.context.turn:
                effects = self.engine.catch_up(most=_SLICE, stamp=stamp)
        await self.deliveries.start(effects, done, arrived)


def _positions(records: Sequence[Arrived]) -> dict[int, int]:
    return {record.source: record.offset + 1 for record in records}

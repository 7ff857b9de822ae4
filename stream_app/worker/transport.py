"""A Faust transport that hands agents runs of records instead of single messages.

Stock Faust pays about 70 µs for every message on its way from the fetch to the agent. Here one Faust message carries
the runs that a fetch has brought for the partitions of one topic, so that this price is paid once for them all. What is
fetched, when it may be handed over, and what is committed is decided by our own marks (see `stream_app.worker.marks`):
after every hand-over the generation and the flow are checked again, and a run that begins beyond the next expected
offset is fetched anew.
"""

import asyncio
from collections.abc import Iterator, Sequence
from time import monotonic, process_time
from typing import Any, ClassVar, NamedTuple, Protocol

import structlog
import uvloop
from faust.transport.consumer import Fetcher
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage

from stream_app.worker.consumer_thread import ConsumerThread
from stream_app.worker.marks import Marks
from stream_app.worker.pace import BACKLOG, Pace

__all__ = ["Gate", "Run", "RunConsumer", "RunFetcher", "RunTransport"]

log = structlog.get_logger(__name__)

#: How often (s) to look whether a full partition has room again: a small part of what it has to do until then, for every
#: look costs about a millisecond.
_LOOK_FOR_ROOM = 0.1


class Run(NamedTuple):
    """Records of one topic-partition that lie one behind the other, and whether more lay behind them in Kafka."""

    tp: TP
    records: Sequence[Any]
    has_more: bool


class Gate(Protocol):
    """What the transport asks of the worker behind it."""

    marks: Marks

    def has_room(self, tp: TP) -> bool:
        """Whether more records of *tp* may be handed over."""

    def unread(self) -> set[TP]:
        """Partitions whose records come without being read, up to the expected offset of their marks."""

    def begun(self) -> None:
        """The marks of a generation have begun."""

    async def close(self) -> None:
        """Finish what is in flight and stop: the partitions are about to be taken away."""


class MarkedConsumer(driver.Consumer):
    """A Faust consumer whose commits come from marks of finished work."""

    app: Any  # a LifecycleApp: Faust's own type knows nothing of the gate
    gate: Gate
    fetch_wait_ms = 50

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.gate = self.app.gate
        self.fetch_wait_ms = self.app.fetch_wait_ms
        self._holes: dict[TP, tuple[int, ...]] = {}
        #: Counts interruptions of the flow, so that a hand-over can tell whether one happened meanwhile.
        self.flow_epoch = 0

    def _new_consumer_thread(self) -> driver.AIOKafkaConsumerThread:
        return ConsumerThread(self, loop=self.loop, thread_loop=uvloop.new_event_loop(), beacon=self.beacon)

    def end_of(self, tp: TP) -> int | None:
        """Where a topic-partition ends, as the last fetch has told; ``None`` if it is not read here. From any thread."""
        state = self._thread.state_of(tp)  # type: ignore[attr-defined]  # the thread is ours
        return None if state is None else state.highwater

    def has_more(self, tp: TP) -> bool:
        """Whether much more is known to lie in Kafka than was handed out: a backlog, and not what has come meanwhile."""
        state = self._thread.state_of(tp)  # type: ignore[attr-defined]  # the thread is ours
        if state is None or not state.has_valid_position or state.highwater is None:
            return False
        return bool(state.highwater - state.position >= BACKLOG)

    def stop_flow(self) -> None:
        """Block the hand-over of records; whatever is under way is void."""
        self.flow_epoch += 1
        super().stop_flow()

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Let the work in flight finish and be committed before the partitions are given up."""
        self.stop_flow()
        await self.gate.close()
        await self.commit()
        self.gate.marks.end()
        await super().on_partitions_revoked(revoked)

    async def perform_seek(self) -> None:
        """Seek to the committed offsets, or to the beginning, and start the marks of this generation there.

        A fetch that was under way when the partitions moved may already have read from the new assignment, and what it
        brings is dropped. Where nothing was ever committed aiokafka would go on behind that.
        """
        await super().perform_seek()
        changelogs = self.app.tables.changelog_topics
        begin = {tp: self._committed_offset[tp] for tp in self.assignment() if tp.topic not in changelogs}
        fresh = [tp for tp, offset in begin.items() if offset is None]
        for tp, offset in (await self.earliest_offsets(*fresh) if fresh else {}).items():
            begin[_plain(tp)] = offset
            await self._seek(_plain(tp), offset)
        self.gate.marks.begin(self.app.consumer_generation_id, begin)
        self.gate.begun()

    async def force_commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:  # noqa: ARG002
        """Commit what the marks say is finished; Faust's acknowledgements play no part."""
        offsets = self.gate.marks.committable()
        if not offsets or not await self._commit_offsets(offsets):
            return False
        self.gate.marks.committed(offsets)
        return True


class RunConsumer(MarkedConsumer):
    """Hands over one message for the runs that a fetch has brought of one topic.

    With the delivery ``single`` every record is a run and a message of its own, which costs what stock Faust costs: it is
    there for comparison and as a fallback.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        #: Partitions of which something was fetched and dropped.
        self._dropped: set[TP] = set()
        self._unread: set[TP] = set()
        self._pace = Pace()
        self._clocks = monotonic(), process_time()

    async def perform_seek(self) -> None:
        """Begin a generation: everything is read."""
        await super().perform_seek()
        self._unread = set()

    async def _drain_messages(self, fetcher: Any) -> None:
        stopped = (self._stopped.is_set, fetcher._stopped.is_set)  # noqa: SLF001
        while not any(is_set() for is_set in stopped):
            if not self.flow_active:
                await self.wait(self.can_resume_flow)  # type: ignore[arg-type]
                continue
            await self._drain_once()

    async def _drain_once(self) -> None:
        epoch, generation = self.flow_epoch, self.app.consumer_generation_id
        if self.gate.marks.generation != generation:  # fetching now would read past what is sought to next
            await asyncio.sleep(0.005)
            return
        await self._read_again()
        await self._leave_unread()
        active = self._get_active_partitions()
        ready = {tp for tp in active if self.gate.has_room(tp)}
        if not ready:
            await asyncio.sleep(_LOOK_FOR_ROOM / 4)
            return
        # While a partition is full its room must be noticed in time; otherwise the fetch itself wakes us.
        is_full = len(ready) < len(active)
        records = await self._getmany(ready, timeout=_LOOK_FOR_ROOM if is_full else 1.0)
        self._keep_pace(sum(map(len, records.values())), is_behind=is_full)
        if records:  # all together: an interruption takes several turns of the loop to watch for
            await self.wait_first(self._hand_over_all(records, epoch, generation), self.suspend_flow.wait())
        if self._is_void(epoch, generation):
            self._dropped.update(map(_plain, records))

    def _keep_pace(self, records: int, *, is_behind: bool) -> None:
        before, self._clocks = self._clocks, (monotonic(), process_time())
        wall, cpu = self._clocks[0] - before[0], self._clocks[1] - before[1]
        self._pace.fetched(records, wall=wall, cpu=cpu, is_behind=is_behind)
        self._thread.gather(self._pace.seconds)  # type: ignore[attr-defined]  # the thread is ours

    async def _hand_over_all(self, fetched: Any, epoch: int, generation: int) -> None:
        for runs in self._messages(fetched):
            if self._is_void(epoch, generation):
                return
            await self._hand_over(runs, epoch, generation)

    def _is_void(self, epoch: int, generation: int) -> bool:
        return self.flow_epoch != epoch or self.app.consumer_generation_id != generation

    async def _read_again(self) -> None:
        """Take the read position back where a fetch that was under way at a rebalance has brought what nobody took.

        Such a fetch may already have read from the new assignment; the last record of a topic would never be seen.
        """
        while self._dropped:
            tp = self._dropped.pop()
            expected = self.gate.marks.expected(tp)
            if expected is not None and tp in self.assignment():
                await self._seek(tp, expected)

    async def _leave_unread(self) -> None:
        """Fetch no more what comes without being read; what is to be read again goes on behind what came that way."""
        unread = self.gate.unread()
        if unread == self._unread:
            return
        for tp in self._unread - unread:
            expected = self.gate.marks.expected(tp)
            if expected is not None and tp in self.assignment():
                await self._seek(tp, expected)
        self._unread = unread
        await self._thread.leave_unread(unread)  # type: ignore[attr-defined]  # the thread is ours

    def _messages(self, fetched: Any) -> Iterator[list[Run]]:
        """What goes into one message each."""
        if self.app.delivery == "single":
            for tp, records in fetched.items():
                yield from ([self._run(_plain(tp), [record])] for record in records)
            return
        by_topic: dict[str, list[Run]] = {}
        for tp, records in fetched.items():
            by_topic.setdefault(tp.topic, []).append(self._run(_plain(tp), records))
        yield from by_topic.values()

    def _run(self, tp: TP, records: Sequence[Any]) -> Run:
        return Run(tp, records, self.has_more(tp))

    async def _hand_over(self, runs: list[Run], epoch: int, generation: int) -> None:
        marks = self.gate.marks
        if marks.generation != generation:
            return
        continued = [run for each in runs if (run := await self._continuing(each)) is not None]
        if not continued or self._is_void(epoch, generation):
            return
        await self.callback(_message(continued, generation))
        if self.flow_epoch == epoch and marks.generation == generation:
            for tp, records, _ in continued:
                marks.hand_over(tp, records[-1].offset + 1)

    async def _continuing(self, run: Run) -> Run | None:
        """What of a run goes on where the marks stand; ``None`` if nothing does, or if something is missing before it."""
        tp, records, has_more = run
        expected = self.gate.marks.expected(tp)
        if expected is None:
            self.gate.marks.hand_over_from(tp, records[0].offset)
            return run
        if records[0].offset > expected:
            return run if await self._is_honest_hole(tp, expected, records[0].offset) else None
        fresh = [record for record in records if record.offset >= expected]
        return Run(tp, fresh, has_more) if fresh else None

    async def _is_honest_hole(self, tp: TP, expected: int, found: int) -> bool:
        """Tell runs that were dropped from offsets that never existed (transaction markers, compaction).

        The read position is taken back to the expected offset once; a log that answers with the same hole again
        has one. Only an answer without an interruption in between counts: a fetch that was void brings the same hole too.
        """
        hole = (expected, found, self.flow_epoch, self.gate.marks.generation)
        if self._holes.get(tp) == hole:
            del self._holes[tp]
            return True
        self._holes[tp] = hole
        log.info(
            "reading again from the expected offset",
            topic=tp.topic,
            partition=tp.partition,
            expected=expected,
            found=found,
        )
        await self._seek(tp, expected)
        return False


def _message(runs: Sequence[Run], generation: int) -> ConsumerMessage:
    """The message that carries runs of one topic; Faust sees the last record of the first of them."""
    tp, records, _ = runs[0]
    last = records[-1]
    value: Any = runs  # Faust says bytes; the agents pass it on untouched
    return ConsumerMessage(
        tp.topic, tp.partition, last.offset, last.timestamp / 1000.0, last.timestamp_type, [],
        None, value, None, 0, 0, tp, generation_id=generation,
    )  # fmt: skip


def _plain(tp: Any) -> TP:
    return TP(tp.topic, tp.partition)


class RunFetcher(Fetcher):
    """Fetches until it is stopped; Faust's own takes a stop amid a rebalance for a crash of the worker."""

    @Fetcher.task
    async def _fetcher(self) -> None:
        consumer: Any = self.app.consumer
        try:
            await consumer._drain_messages(self)  # noqa: SLF001 - as Faust's does
        finally:
            self.set_shutdown()


class RunTransport(driver.Transport):
    """Kafka through aiokafka, delivered in runs."""

    Consumer: ClassVar[type[MarkedConsumer]] = RunConsumer
    Fetcher: ClassVar[type[RunFetcher]] = RunFetcher

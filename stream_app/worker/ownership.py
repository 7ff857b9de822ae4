"""Which partitions this worker owns: taking over, handing records to their lanes, giving up."""

import asyncio
from collections.abc import Callable, Coroutine, Generator, Iterable, Iterator, Mapping
from time import monotonic
from typing import Any, TypeVar

import structlog
from faust.types import TP, ConsumerMessage

from scorers.snapshot import Snapshot
from state import Bounds, MeasureMap, format_instant, parse_instant
from stream_app.engine import PartitionEngine
from stream_app.garbage import freeze, look_when_idle
from stream_app.kafka_clients import client_options
from stream_app.model_feed import follow
from stream_app.model_topic import ModelTopic
from stream_app.redis_alerts import AlertBook
from stream_app.redis_sink import RedisSink
from stream_app.topics import SOURCES
from stream_app.worker.alert_lane import AlertLane
from stream_app.worker.changelog import read_partition
from stream_app.worker.context import Context, end_process
from stream_app.worker.deliveries import Deliveries
from stream_app.worker.intake import Intake
from stream_app.worker.lag import Lag
from stream_app.worker.lane import Lane
from stream_app.worker.marks import Marks
from stream_app.worker.publisher import Record
from stream_app.worker.redis_watch import watch_redis
from stream_app.worker.sink_lane import SinkLane
from stream_app.worker.stores import TableStore
from stream_app.worker.tables import tables_for
from stream_app.worker.watchdog import Lease

__all__ = ["Ownership"]

_T = TypeVar("_T")

log = structlog.get_logger(__name__)

#: Records of one topic-partition that may be with the worker and not folded and published: bounds memory.
_ROOM = 40_000
#: Profiles that the partitions of one process hold together before they are written, see `stream_app.shelf.Shelf`.
_HELD = 65_536
_GIVE_UP_SECONDS = 45.0


class Ownership:
    """The lanes of this worker.

    Args:
        context: What all lanes share.
        sink: Writer of Redis.
        book: Writer of the alerts in Redis.
        kinds: Which event name counts as what.
        bounds: What is believable.
        models: Where new models come from.
        lease: Told that the event loop runs.

    Attributes:
        lanes: What is owned, by partition.
        models_made_at: When (µs) the snapshot of models that serve was made; ``None`` before the first.
    """

    def __init__(
        self,
        context: Context,
        sink: RedisSink,
        book: AlertBook,
        kinds: MeasureMap,
        bounds: Bounds,
        models: ModelTopic,
        lease: Lease,
    ) -> None:
        self.context = context
        self._sink = sink
        self._book = book
        self._kinds = kinds
        self._bounds = bounds
        self._models = models
        self._lease = lease
        self._tables = tables_for(context.settings)
        self._taking: asyncio.Task[None] | None = None
        self._closing = asyncio.Lock()
        self.lanes: dict[int, Lane] = {}
        self._sink_lanes: dict[int, SinkLane] = {}
        self._alert_lanes: dict[int, AlertLane] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._background_tasks: list[asyncio.Task[None]] = []
        self._taking_since: float | None = None
        self._took: float | None = None
        self.models_made_at: int | None = None

    async def start(self) -> None:
        """Connect to Kafka, and begin to tell the time."""
        self._lease.begin()
        self._background(self._stay_awake())
        await self.context.publisher.start()
        self._background(follow(self._models, self._serve))
        self._background(watch_redis(self._sink, self.context.metrics))
        if self.context.settings.clock == "wall":
            self._background(self._tell_time())

    async def stop(self) -> None:
        """Disconnect."""
        for task in self._background_tasks:
            task.cancel()
        await self.context.publisher.stop()

    def _background(self, work: Any) -> None:
        task = asyncio.create_task(work)
        task.add_done_callback(self.context.watch)
        self._background_tasks.append(task)

    def _serve(self, snapshot: Snapshot) -> None:
        """Take new models into service, between two runs."""
        changed = self.context.scoring.serve(snapshot.predictors)
        self.models_made_at = parse_instant(snapshot.created_at)
        log.info("models taken into service", lifecycles=changed, examples=snapshot.offset)

    async def _stay_awake(self) -> None:
        while True:
            self._lease.renew()
            if not self.is_waiting:
                look_when_idle()
            await asyncio.sleep(0.5)

    async def _tell_time(self) -> None:
        while True:
            await asyncio.sleep(self.context.settings.worker.tick_interval / 1e6)
            await self._tick()

    @property
    def marks(self) -> Marks:
        """Marks of the current generation."""
        return self.context.marks

    @property
    def is_waiting(self) -> bool:
        """Whether records have been handed over and not finished."""
        return self.marks.any_outstanding

    def has_room(self, tp: TP) -> bool:
        """Whether more records of *tp* may be handed over."""
        return self._takes(tp) and self.marks.outstanding(tp) < _ROOM

    def _takes(self, tp: TP) -> bool:
        """Whether there is somebody here who has use for more records of *tp*."""
        source = self.context.sources.get(tp.topic)
        if source is None:
            return tp.partition in self._outlets(tp.topic)
        lane = self.lanes.get(tp.partition)
        return lane is not None and not lane.has_enough(source)

    def _outlets(self, topic: str) -> Mapping[int, SinkLane | AlertLane]:
        """Who brings an output topic into Redis, by partition."""
        return self._sink_lanes if topic == self.context.stage_changes else self._alert_lanes

    @property
    def unready(self) -> str | None:
        """Why no events are folded at the moment; ``None`` if they are."""
        if self._taking is not None and not self._taking.done():
            return "partitions are being taken over"
        return "the worker is not in its consumer group" if self.marks.generation < 0 else None

    @property
    def recovery_seconds(self) -> float | None:
        """How long the last take-over took, or the one under way has taken so far; ``None`` before the first."""
        since = self._taking_since
        return self._took if since is None else monotonic() - since

    @property
    def sinks(self) -> list[SinkLane]:
        """Who brings the stage changes of the partitions owned into Redis; may be asked from another thread."""
        return list(self._sink_lanes.values())

    def lags(self, end_of: Callable[[TP], int | None]) -> Iterator[Lag]:
        """How far each owned partition of a source is behind.

        Args:
            end_of: Offset at which a topic-partition ends, as far as the last fetch has told.
        """
        now = self.context.now() / 1e6
        for partition, lane in list(self.lanes.items()):
            for source, topic in enumerate(self.context.source_topics[: len(SOURCES)]):
                tp = TP(topic, partition)
                end, told = end_of(tp), self.marks.told(tp)
                oldest = lane.deliveries.arrivals.oldest(source)
                events = 0 if end is None or told is None else max(0, end - told)
                seconds = 0.0 if oldest is None else max(0.0, now - oldest)
                yield Lag(topic, partition, events, seconds, lane.engine.time / 1e6)

    def unread(self) -> set[TP]:
        """Partitions of the stage changes whose records come from the lanes that publish them."""
        topic = self.context.stage_changes
        return {TP(topic, number) for number, lane in self._sink_lanes.items() if lane.is_told}

    def begun(self) -> None:
        """What was still owed has been published, and may be in Redis, before there were marks to say so."""
        for lane in self._sink_lanes.values():
            lane.mark()

    def accept(self, message: ConsumerMessage) -> None:
        """Give runs to their lanes; those of an old generation are dropped, they will be read again."""
        if message.generation_id != self.marks.generation:
            return
        runs: Any = message.value  # Faust's type says bytes
        source = self.context.sources.get(message.topic)
        for tp, records, has_more in runs:
            if source is None:
                outlet = self._outlets(tp.topic).get(tp.partition)
                if outlet is not None:
                    outlet.offer(records)
            elif (lane := self.lanes.get(tp.partition)) is not None:
                lane.offer(source, records, has_more=has_more)

    async def take_over(
        self,
        generation: int,
        partitions: Iterable[int],
        committed: Mapping[TP, int | None],
        ends: Mapping[TP, int],
    ) -> None:
        """Recover the profiles of *partitions* and begin to work on them; ends early when they are taken away again.

        Args:
            generation: Consumer generation in which they were assigned.
            partitions: Their numbers.
            committed: Committed offset by topic-partition.
            ends: Where each ended when they were assigned.
        """
        await self.close()
        work = self._take_over(generation, sorted(partitions), committed, ends)
        self._taking = asyncio.create_task(work)
        [taken], _ = await asyncio.wait([self._taking])
        if not taken.cancelled():
            taken.result()

    async def _take_over(
        self, generation: int, owned: list[int], committed: Mapping[TP, int | None], ends: Mapping[TP, int]
    ) -> None:
        started = self._taking_since = monotonic()
        stores = self._tables.take(owned)
        topic, _ = self.context.route("changelog", 0)
        records = await read_partition(client_options(self.context.settings), topic, stores) if owned else 0
        read = monotonic()
        for partition, store in stores.items():
            await _whole(self._open(partition, store, generation, committed, ends))
        # Not before all are open: customers of one partition who are overdue would keep the others waiting.
        for lanes in (self.lanes, self._sink_lanes, self._alert_lanes):
            for lane in lanes.values():
                self._start(lane.run())
        freeze()
        self._took, self._taking_since = monotonic() - started, None
        log.info(
            "partitions taken over", partitions=owned, records=records, customers=self._customers(),
            reading=round(read - started, 3), seconds=round(self._took, 3),
        )  # fmt: skip

    def _customers(self) -> int:
        """Customers with a stage; each of them has one in every lifecycle."""
        counts = (lane.engine.population.items() for lane in self.lanes.values())
        return sum(number for count in counts for (lifecycle, _), number in count if lifecycle == 0)

    async def _open(
        self,
        partition: int,
        store: TableStore,
        generation: int,
        committed: Mapping[TP, int | None],
        ends: Mapping[TP, int],
    ) -> None:
        context = self.context
        hold = _HELD // context.settings.topics.partitions
        engine = PartitionEngine(context.scoring, store, context.settings.clock, hold)
        places = [TP(name, partition) for name in context.source_topics]
        mine = {source: committed.get(tp) or 0 for source, tp in enumerate(places)}
        until = {source: ends.get(tp, 0) for source, tp in enumerate(places)}
        undelivered = await self._in_slices(engine.recovering(mine))
        intake = Intake(self._kinds, self._bounds, partition, context.settings.topics.partitions, store)
        begin = committed.get(TP(context.stage_changes, partition)) or 0
        sink_lane = self._sink_lanes[partition] = SinkLane(context, self._sink, partition, generation, begin)
        deliveries = Deliveries(context, partition, generation, engine, store, sink_lane.offer_published)
        self.lanes[partition] = Lane(context, partition, engine, intake, mine, until, deliveries)
        await deliveries.announce(undelivered, engine.migrating())
        self._alert_lanes[partition] = AlertLane(context, self._book, partition, generation)

    async def _in_slices(self, work: Generator[None, None, _T]) -> _T:
        """Do the work with a look at the network after each slice: heartbeats and other lanes must not wait for it."""
        while True:
            try:
                async with self.context.turn:
                    next(work)
            except StopIteration as end:
                result: _T = end.value
                return result
            await asyncio.sleep(0)

    def _start(self, work: Any) -> None:
        task = asyncio.create_task(work)
        task.add_done_callback(self.context.watch)
        self._tasks.append(task)

    async def close(self) -> None:
        """Finish what is in flight and stop working; the partitions are about to be taken away."""
        async with self._closing:
            if self._taking is not None and not self._taking.done():
                self._taking.cancel()
                await asyncio.wait([self._taking])
            self._taking_since = None
            await self._finish()
            self._tables.release()

    async def _finish(self) -> None:
        lanes: list[Any] = [*self.lanes.values(), *self._sink_lanes.values(), *self._alert_lanes.values()]
        if not lanes:
            return
        self.lanes, self._sink_lanes, self._alert_lanes = {}, {}, {}
        tasks, self._tasks = self._tasks, []
        closing = [asyncio.create_task(lane.close()) for lane in lanes]
        _, late = await asyncio.wait([*closing, *tasks], timeout=_GIVE_UP_SECONDS)
        if late:
            end_process(
                f"Kafka has not acknowledged what was in flight within {_GIVE_UP_SECONDS:g} s of losing the partitions; "
                "the worker ends so that it writes nothing for partitions that others own now"
            )

    async def _tick(self) -> None:
        """Tell every owned partition the time of the wall clock, through its ticks topic."""
        value = b'{"at":"%s","clock":"wall"}' % format_instant(self.context.now()).encode()
        for partition in list(self.lanes):
            topic, _ = self.context.route("ticks", partition)
            await self.context.publisher.send(topic, partition, [Record(None, value)])


async def _whole(work: Coroutine[Any, Any, None]) -> None:
    """Do work to its end even when its caller is cancelled meanwhile: a store is not left with half a beginning."""
    task = asyncio.create_task(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
        raise

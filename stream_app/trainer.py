"""How does the one trainer learn every example exactly once, and tell the workers?

Its offset travels inside its snapshot, and a snapshot is one record, published in one transaction: models and
position cannot part. Killed at any moment, the next one goes on from the newest snapshot and reaches the very
same models.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaError, ProducerFenced

from scorers.snapshot import LearnerState, SnapshotRefused
from state import format_instant
from stream_app.errors import Unavailable, WorkFailed
from stream_app.model_topic import RECORD_KEY, ModelTopic
from stream_app.trainer_lease import Lease, fencing_producer, member
from stream_app.training import Training

log = structlog.get_logger(__name__)

QUIET = ("learned", "observed", "duplicate", "before")
SLICE = 200  # examples between two looks at heartbeats


@dataclass(frozen=True)
class Pace:
    """How often and how fast.

    Attributes:
        broadcast_s: Longest time between two snapshots while there is something new.
        broadcast_examples: Most examples between two snapshots.
        poll_s: How long to wait for examples.
        session_s: Silence after which a standby takes over.
    """

    broadcast_s: float = 5.0
    broadcast_examples: int = 5000
    poll_s: float = 0.25
    session_s: float = 10.0


class Trainer:
    """The trainer process; with another one active it waits as a standby.

    Args:
        topic: Topics, key and tasks.
        now: Processing time, microseconds since 1970 UTC; only written into snapshots.
        pace: How often it broadcasts.
        rebuild: Forget every snapshot and learn the whole training topic again.
        start: Gives the models to begin with instead of none: forget every snapshot that did not begin with them,
            and learn the whole training topic on top. Whoever comes back goes on from where it was.
        on_change: Told after a take-over (with the training), when it has been lost (with `None`), and after
            each snapshot.

    Attributes:
        training: What is known; `None` while waiting as a standby.
        published: Snapshots sent by this process.
        unready: Why it neither learns nor stands by; ``None`` if it does.
    """

    def __init__(
        self,
        topic: ModelTopic,
        now: Callable[[], int],
        pace: Pace | None = None,
        *,
        rebuild: bool = False,
        start: Callable[[], LearnerState] | None = None,
        on_change: Callable[[Training | None], object] = lambda _: None,
    ) -> None:
        self.topic = topic
        self.training: Training | None = None
        self.published = 0
        self.unready: str | None = "the trainer is not in its group yet"
        self._now = now
        self._pace = pace or Pace()
        self._rebuild = rebuild
        self._start = start
        self._on_change = on_change
        self._silent_until = 0
        self._last_broadcast = 0.0

    async def run(self, stop: asyncio.Event) -> None:
        """Learn until *stop* is set, then publish what is new.

        Raises:
            Unavailable: If Kafka does not answer.
            WorkFailed: If snapshot and training topic contradict each other.
        """
        while not stop.is_set():
            try:
                await self._take_part(stop)
            except ProducerFenced:
                log.warning("another trainer has taken over; this one stands by")
            except KafkaError as error:
                raise Unavailable(f"the trainer cannot go on ({error}): is Kafka up?") from error
            finally:
                self._let_go()

    async def _take_part(self, stop: asyncio.Event) -> None:
        """Be a member of the group until stopped or fenced."""
        lease = Lease(self.topic.training)
        consumer = member(self.topic.client, self.topic.prefix, lease, int(self._pace.session_s * 1000))
        try:
            await consumer.start()
            log.info("waiting for the lease", topic=lease.partition.topic)
            while not stop.is_set():
                epoch = lease.epoch
                if epoch:
                    self.unready = None
                if lease.held:
                    await self._lead(consumer, lease, epoch, stop)
                else:
                    # Also tells the group that this member is alive.
                    await consumer.getmany(timeout_ms=int(self._pace.poll_s * 1000))
        finally:
            self.unready = "the trainer has left its group"
            await consumer.stop()

    async def _lead(self, consumer: AIOKafkaConsumer, lease: Lease, epoch: int, stop: asyncio.Event) -> None:
        """Learn and publish while the lease of *epoch* lasts."""
        async with AsyncExitStack() as ending:
            producer = fencing_producer(self.topic.client, self.topic.prefix)
            ending.push_async_callback(producer.stop)
            await producer.start()  # fences first: what is read after this cannot become stale
            training = self.training = await self._recall(consumer)
            self._on_change(training)
            self._last_broadcast = asyncio.get_running_loop().time()
            while lease.epoch == epoch and not stop.is_set():
                fetched = await consumer.getmany(
                    lease.partition, timeout_ms=int(self._pace.poll_s * 1000), max_records=SLICE
                )
                if lease.epoch == epoch:
                    self._absorb(training, fetched.get(lease.partition, ()))
                    if await consumer.position(lease.partition) >= self._silent_until:
                        await self._broadcast(producer, training)
                await asyncio.sleep(0)
            if lease.epoch == epoch and training.state.offset >= self._silent_until:
                await self._broadcast(producer, training, ending=True)
            self._let_go()

    async def _recall(self, consumer: AIOKafkaConsumer) -> Training:
        """Find the newest snapshot and stand where it stood."""
        where = self.topic.training
        first = (await consumer.beginning_offsets([where]))[where]
        end = (await consumer.end_offsets([where]))[where]
        training = await self._newest()
        self._silent_until = 0
        if training is None:
            training = self._begin()
            self._silent_until = end  # workers keep what they have until everything is learned again
        offset = training.state.offset
        if offset > end:
            raise WorkFailed(
                f"the models have learned up to offset {offset} of {where.topic}, which ends at {end}: "
                "the topic was made anew; start once with --rebuild"
            )
        if offset < first:
            log.warning("examples were deleted before they were learned", offsets=f"{offset}..{first - 1}")
        consumer.seek(where, max(offset, first))
        log.info("training", offset=offset, end=end, learned=training.learned)
        return training

    def _begin(self) -> Training:
        """Begin with the given models, else with none."""
        if self._start is None:
            return Training(self.topic.tasks)
        training = Training(self.topic.tasks, self._start())
        training.fresh = 1  # worth telling the workers, before anything is learned on top
        log.warning("beginning with the loaded models", learned=training.learned)
        return training

    async def _newest(self) -> Training | None:
        if self._rebuild:
            log.warning("rebuilding from the first example, as asked")
            return None
        training = await self._published()
        if training is None or self._start is None or training.state.origin == self._start().origin:
            return training
        log.warning("models that began otherwise are put aside for the loaded ones", learned=training.learned)
        return None

    async def _published(self) -> Training | None:
        async with self.topic.reader() as reader:
            data = await self.topic.newest(reader)
        if data is None:
            return None
        try:
            return Training.resume(self.topic.tasks, self.topic.open(data))
        except SnapshotRefused as refused:
            why = {"reason": refused.reason, "why": str(refused)}
            log.error("models refused, rebuilding from the first example", **why)  # noqa: TRY400 - no trace
            return None

    def _absorb(self, training: Training, records: Sequence[Any]) -> None:
        outcomes = Counter(training.absorb(record.offset, record.value) for record in records)
        left = {outcome: count for outcome, count in outcomes.items() if outcome not in QUIET}
        if left:
            log.warning("examples not learned", up_to=training.state.offset, **left)

    async def _broadcast(
        self, producer: AIOKafkaProducer, training: Training, *, ending: bool = False
    ) -> None:
        """Publish a snapshot if one is due; nothing while nothing is new."""
        now = asyncio.get_running_loop().time()
        late = now - self._last_broadcast >= self._pace.broadcast_s
        due = ending or late or training.fresh >= self._pace.broadcast_examples
        if not training.fresh or not due:
            return
        try:
            data = training.snapshot(self.topic.key, format_instant(self._now()))
        except SnapshotRefused as refused:
            raise WorkFailed(
                f"the models cannot be published: {refused}; configure fewer lifecycles, or fewer stages in each"
            ) from refused
        where = self.topic.models
        async with producer.transaction():
            await producer.send_and_wait(where.topic, data, key=RECORD_KEY, partition=where.partition)
        self._last_broadcast, self._rebuild = now, False
        self.published += 1
        self._on_change(training)
        log.info("models published", offset=training.state.offset, learned=training.learned, bytes=len(data))

    def _let_go(self) -> None:
        """Forget everything learned: whoever holds the lease next begins from the newest snapshot."""
        if self.training is not None:
            self.training = None
            self._on_change(None)

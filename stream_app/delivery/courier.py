"""One destination at work: a consumer group of its own, a bounded window of messages, offsets that follow them.

An offset is committed when every message up to it has been taken, refused or given up, so a message is delivered at
least once. What was taken before a restart is recognised in the attempt log and not sent twice by the same process.
Messages of one customer go in order, one at a time; those of others do not wait for them.
"""

import asyncio
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError

from stream_app.delivery.attempts import AttemptLog
from stream_app.delivery.message import Kind, Message, erased_by, is_merge, is_wanted, message_of
from stream_app.delivery.metrics import DeliveryMetrics
from stream_app.delivery.progress import Progress
from stream_app.delivery.readiness import Readiness
from stream_app.delivery.sender import Sender

__all__ = ["Courier", "topics_of"]

log = structlog.get_logger(__name__)

_PATIENCE_MS = 500
_LOOK_S = 2.0
_POLL_DAYS_MS = (
    86_400_000  # a dead destination fills its window and then reads nothing for as long as it takes
)


def topics_of(prefix: str, kinds: Iterable[Kind]) -> dict[str, Kind]:
    """Topic of each kind of message."""
    names: dict[Kind, str] = {"stage-change": "stage-changes", "churn-alert": "churn-alerts"}
    return {f"{prefix}{names[kind]}": kind for kind in kinds}


class _Waiting:
    """Messages of one customer in order, each with where its record stood."""

    def __init__(self) -> None:
        self.queue: deque[tuple[Message, TopicPartition, int]] = deque()
        self.task: asyncio.Task[None] | None = None


class Courier(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka ships no types
    """Delivers to one destination until stopped.

    Args:
        sender: Sends to it.
        attempts: Its log.
        metrics: Counters.
        client: Connection options of Kafka.
        prefix: Topic prefix, dot included.
    """

    def __init__(
        self,
        sender: Sender,
        attempts: AttemptLog,
        metrics: DeliveryMetrics,
        readiness: Readiness,
        client: dict[str, Any],
        prefix: str,
    ) -> None:
        self._sender = sender
        self._destination = sender.destination
        self._attempts = attempts
        self._metrics = metrics
        self._readiness = readiness
        self._topics = topics_of(prefix, self._destination.on)
        self._customers: dict[str, _Waiting] = {}
        self._progress: dict[TopicPartition, Progress] = {}
        self._under_way = 0
        self._broken: BaseException | None = None
        self._consumer = AIOKafkaConsumer(
            **client,
            group_id=f"{prefix}deliver.{self._destination.name}",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_poll_interval_ms=_POLL_DAYS_MS,
            max_partition_fetch_bytes=262_144,
            fetch_max_bytes=1_048_576,
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Deliver until *stop* is set; what is under way then is delivered again by the next process."""
        consumer, window = self._consumer, self._destination.window
        await consumer.start()
        consumer.subscribe(list(self._topics), listener=self)
        try:
            while not stop.is_set():
                room = window - self._under_way
                if room > 0:
                    fetched = await consumer.getmany(timeout_ms=_PATIENCE_MS, max_records=room)
                    for partition, records in fetched.items():
                        for record in records:
                            self._take(partition, record)
                else:
                    await asyncio.sleep(_PATIENCE_MS / 1000)
                await self._commit()
                await self._tell_lag(is_full=room <= 0)
                if self._broken is not None:
                    raise self._broken
        finally:
            await self._let_go(set(self._progress))
            await consumer.stop()

    # ------------------------------------------------------------- ownership

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Commit what is finished and leave the rest to the next owner."""
        try:
            await self._commit()
        finally:
            await self._let_go(set(revoked))

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Begin where the group stands; a new destination begins where its file says, and that is kept."""
        try:
            for partition in assigned:
                start = await self._start(partition)
                # What was fetched while we asked found nobody to take it: it is read again.
                self._consumer.seek(partition, start)
                self._progress[partition] = Progress(start)
        except (CommitFailedError, IllegalStateError):  # the next rebalance is on its way already
            log.info("partitions have moved", destination=self._destination.name)
        except KafkaError as error:  # aiokafka would log it and go on without the rest
            self._broken = error
        self._readiness.joined(self._destination.name)

    async def _start(self, partition: TopicPartition) -> int:
        committed: int | None = await self._consumer.committed(partition)
        if committed is not None:
            return committed
        reach = self._consumer.end_offsets
        if self._destination.start == "beginning":
            reach = self._consumer.beginning_offsets
        start: int = (await reach([partition]))[partition]
        await self._consumer.commit({partition: start})
        return start

    async def _let_go(self, partitions: set[TopicPartition]) -> None:
        """Stop what is under way for *partitions*; a customer's messages of others go on."""
        touched = [
            (customer, waiting)
            for customer, waiting in self._customers.items()
            if any(partition in partitions for _, partition, _ in waiting.queue)
        ]
        tasks = [waiting.task for _, waiting in touched if waiting.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for partition in partitions:
            self._progress.pop(partition, None)
        for customer, waiting in touched:
            waiting.queue = deque(entry for entry in waiting.queue if entry[1] not in partitions)
            if waiting.queue:
                self._begin(customer, waiting)
            else:
                self._customers.pop(customer, None)
        self._under_way = sum(len(waiting.queue) for waiting in self._customers.values())

    async def _commit(self) -> None:
        done = {
            partition: progress.upto for partition, progress in self._progress.items() if progress.has_moved()
        }
        if done:
            try:
                await self._consumer.commit(done)
            except (
                CommitFailedError,
                IllegalStateError,
            ):  # moved to another member meanwhile: it sends again
                log.info("partitions have moved", destination=self._destination.name)

    async def _tell_lag(self, *, is_full: bool) -> None:
        """Say how much waits. With a full window nothing is fetched, so how the topics grow has to be asked for."""
        ends: dict[TopicPartition, int] = {}
        if is_full:
            with suppress(KafkaError, TimeoutError):
                async with asyncio.timeout(_LOOK_S):
                    ends = await self._consumer.end_offsets(list(self._progress))
        behind = 0
        for partition, progress in self._progress.items():
            end = ends.get(partition) or self._consumer.highwater(partition)
            behind += max(0, end - progress.upto) if end else 0
        self._metrics.behind(self._destination.name, behind)

    # -------------------------------------------------------------- messages

    def _take(self, partition: TopicPartition, record: Any) -> None:
        progress = self._progress.get(partition)
        if progress is None:
            return
        progress.begin(record.offset)
        message = message_of(self._topics[partition.topic], record.value, record.headers)
        if message is None and (customer := erased_by(record.value)) is not None:
            if not is_merge(record.value):
                self._drop(customer, partition)
            self._attempts.forget(customer)
        if (
            message is None
            or not is_wanted(self._destination, message)
            or self._attempts.was_delivered(message.id)
        ):
            progress.end(record.offset)
            return
        self._queue(message, partition, record.offset)

    def _queue(self, message: Message, partition: TopicPartition, offset: int) -> None:
        waiting = self._customers.setdefault(message.customer, _Waiting())
        if self._destination.latest_only:
            self._drop_older(waiting, message)
        waiting.queue.append((message, partition, offset))
        self._under_way += 1
        if waiting.task is None:
            self._begin(message.customer, waiting)

    def _drop(self, customer: str, partition: TopicPartition) -> None:
        """Tell nobody any more what waits of an erased customer and stands before the erasure."""
        waiting = self._customers.get(customer)
        if waiting is None or waiting.task is None:
            return
        waiting.task.cancel()
        del self._customers[customer]
        left = _Waiting()
        for entry in waiting.queue:
            if entry[1] == partition:
                self._progress[partition].end(entry[2])
                self._under_way -= 1
            else:
                left.queue.append(entry)
        if left.queue:
            self._customers[customer] = left
            self._begin(customer, left)

    def _drop_older(self, waiting: _Waiting, message: Message) -> None:
        """Of what waits behind the one under way, leave what the newer message does not replace."""
        kept: deque[tuple[Message, TopicPartition, int]] = deque()
        for at, (older, partition, offset) in enumerate(waiting.queue):
            same = (older.kind, older.fields.get("lifecycle")) == (
                message.kind,
                message.fields.get("lifecycle"),
            )
            if at == 0 or not same:
                kept.append((older, partition, offset))
            else:
                self._progress[partition].end(offset)
                self._under_way -= 1
        waiting.queue = kept

    def _begin(self, customer: str, waiting: _Waiting) -> None:
        waiting.task = asyncio.create_task(self._work(customer, waiting))
        waiting.task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """A failure that nobody foresaw ends the run: in silence it would hold its customer and the offsets for ever."""
        if not task.cancelled() and (error := task.exception()) is not None:
            self._broken = error

    async def _work(self, customer: str, waiting: _Waiting) -> None:
        while waiting.queue:
            message, partition, offset = waiting.queue[0]
            await self._sender.deliver(message)
            waiting.queue.popleft()
            self._under_way -= 1
            if partition in self._progress:
                self._progress[partition].end(offset)
        del self._customers[customer]

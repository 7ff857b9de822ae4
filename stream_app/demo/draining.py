"""When has everything that was sent been scored, stored in Redis and learned?"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from time import monotonic

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from scorers.snapshot import Snapshot, SnapshotRefused
from stream_app.errors import Unavailable, WorkFailed
from stream_app.kafka_clients import client_options
from stream_app.model_topic import newest_snapshot
from stream_app.model_topic_of import model_topic
from stream_app.settings import Settings
from stream_app.topics import IDENTITIES, SOURCES, declare

_LOOK_S = 0.25
_JOIN_S = 90.0
_STALLED_S = 180.0


class Lag(msgspec.Struct, frozen=True):
    """How far the workers are.

    Args:
        scored: Records of the source topics that are finished.
        waiting: Records that are not, of any topic the workers read.
    """

    scored: int
    waiting: int


def lag_of(
    ends: Mapping[TopicPartition, int], committed: Mapping[TopicPartition, int], sources: set[str]
) -> Lag:
    """Compare what was written with what is finished.

    Args:
        ends: Next offset of every partition that the workers read.
        committed: Next offset to finish; those without one are missing.
        sources: Topics whose records count as scored.

    Examples:
        >>> email, ticks = TopicPartition("email", 0), TopicPartition("ticks", 0)
        >>> lag_of({email: 5, ticks: 2}, {email: 3}, {"email"})
        Lag(scored=3, waiting=4)
    """
    done = {place: min(end, max(0, committed.get(place, 0))) for place, end in ends.items()}
    return Lag(
        scored=sum(offset for place, offset in done.items() if place.topic in sources),
        waiting=sum(end - done[place] for place, end in ends.items()),
    )


class Drain:
    """Asks Kafka how far the workers and the trainer are.

    Args:
        settings: Topic prefix and consumer group.
        admin: Started.
        consumer: Started, without a group.
    """

    def __init__(self, settings: Settings, admin: AIOKafkaAdminClient, consumer: AIOKafkaConsumer) -> None:
        self._settings = settings
        self._admin = admin
        self._consumer = consumer
        self._sources = {settings.topic_prefix + name for name in SOURCES}
        self._read = [
            *self._sources,
            *(f"{settings.topic_prefix}{name}" for name in ("ticks", IDENTITIES, "stage-changes")),
        ]
        self._partitions = {topic.name: topic.partitions for topic in declare(settings)}
        self.lag = Lag(0, 0)

    async def workers_joined(self) -> None:
        """Wait until the group of the workers has shared out the partitions.

        Raises:
            Unavailable: If it has not within 90 seconds.
        """
        group, deadline = self._settings.prefix, monotonic() + _JOIN_S
        while monotonic() < deadline:
            try:
                (answer,) = await self._admin.describe_consumer_groups([group])
                if answer.groups[0][2] == "Stable":
                    return
            except KafkaError:  # the coordinator of a new cluster is not there at once
                pass
            await asyncio.sleep(_LOOK_S)
        raise Unavailable(f"the worker has not joined its group within {_JOIN_S:.0f} s: look into its log")

    async def look(self) -> Lag:
        """Ask for the lag of the workers.

        Ends are asked for after commits: what a finished record has caused is then in the ends already.
        """
        try:
            found = await self._admin.list_consumer_group_offsets(self._settings.prefix)
            committed = {place: meta.offset for place, meta in found.items()}
        except KafkaError:  # as above, or a rebalance
            committed = {}
        self.lag = lag_of(await self.ends(*self._read), committed, self._sources)
        return self.lag

    async def ends(self, *topics: str) -> dict[TopicPartition, int]:
        """Next offset of every partition of *topics*."""
        places = [
            TopicPartition(topic, partition)
            for topic in topics
            for partition in range(self._partitions[topic])
        ]
        ends: dict[TopicPartition, int] = await self._consumer.end_offsets(places)
        return ends

    async def workers_done(self, tell: Callable[[Lag], None]) -> None:
        """Wait until everything is scored and in Redis.

        Args:
            tell: Hears of the lag at every look.

        Raises:
            WorkFailed: If nothing moves for three minutes.
        """
        before, moved = self.lag, monotonic()
        while (lag := await self.look()).waiting:
            tell(lag)
            if lag != before:
                before, moved = lag, monotonic()
            if monotonic() - moved > _STALLED_S:
                raise WorkFailed(
                    f"{lag.waiting:,} records wait and none was finished for {_STALLED_S:.0f} s: "
                    "look into the log of the worker"
                )
            await asyncio.sleep(_LOOK_S)
        tell(lag)

    async def trainer_done(self) -> Snapshot | None:
        """Wait until a snapshot has learned every example.

        Returns:
            The snapshot, `None` when there was no example.

        Raises:
            WorkFailed: If none appears for three minutes, or it cannot be believed.
        """
        topic = model_topic(self._settings)
        end = (await self.ends(topic.training.topic))[topic.training]
        reached, moved = -1, monotonic()
        while end:
            try:
                snapshot = await newest_snapshot(topic)
            except SnapshotRefused as refused:
                raise WorkFailed(f"the snapshot of the models is refused: {refused}") from refused
            if snapshot is not None and snapshot.offset >= end:
                return snapshot
            if snapshot is not None and snapshot.offset != reached:
                reached, moved = snapshot.offset, monotonic()
            if monotonic() - moved > _STALLED_S:
                raise WorkFailed(
                    f"the trainer has learned {max(reached, 0):,} of {end:,} examples and does not go on: "
                    "look into its log"
                )
            await asyncio.sleep(2 * _LOOK_S)
        return None


@asynccontextmanager
async def draining(settings: Settings) -> AsyncIterator[Drain]:
    """Connect to Kafka for as long as somebody wants to know how far the work is.

    Raises:
        Unavailable: If Kafka does not answer.
    """
    options = client_options(settings)
    admin, consumer = AIOKafkaAdminClient(**options), AIOKafkaConsumer(**options, enable_auto_commit=False)
    try:
        await admin.start()
        await consumer.start()
        yield Drain(settings, admin, consumer)
    except (KafkaError, OSError) as error:
        raise Unavailable(
            f"Kafka at {settings.kafka} does not answer ({error!r}): look into its log"
        ) from error
    finally:
        await consumer.stop()
        await admin.close()

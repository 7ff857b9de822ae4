"""How the service is at this moment: lag and throughput from Kafka, Redis, and the metrics pages of the processes."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp
import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from scorers.snapshot import Snapshot
from state import format_instant
from stream_app.errors import LifecycleAppError
from stream_app.kafka_clients import client_options
from stream_app.redis_connection import AsyncRedis, RedisUnavailable, telling_redis
from stream_app.redis_keys import keys_of
from stream_app.settings import Settings
from stream_app.topics import SOURCES

__all__ = ["Moment", "TopicLag", "Vitals", "quantile"]

log = structlog.get_logger(__name__)
_EVERY_S: Final = 3.0
_KEPT: Final = 400
_PAGE_S: Final = 2.0
_LOOKED_AT: Final = (*SOURCES, "ticks", "stage-changes", "training")


@dataclass(frozen=True)
class TopicLag:
    """One topic and its readers: the next offset, and how much of it is finished."""

    topic: str
    written: int
    waiting: int


@dataclass(frozen=True)
class Moment:
    """What was seen at one look."""

    at: str
    waiting: int
    per_second: float


@dataclass
class Vitals:
    """Looks every few seconds, and remembers the last twenty minutes.

    Args:
        settings: Where everything is.
        redis: Client.
        lifecycles: Names, in order.
        now: Processing time (µs).

    Attributes:
        kafka: Why Kafka cannot be used; None while it answers.
        redis_reason: The same of Redis.
        redis_memory: Bytes, as Redis says.
        redis_counts: Customers by stage and lifecycle, as Redis says.
        topics: Lag of the source topics.
        workers: Members of the consumer group; None when unknown.
        moments: What was seen, oldest first.
        samples: Of all metrics pages.
        pages: Why a metrics page cannot be read, by address; None for one that can.
        snapshot: The newest models.
        training_waits: Examples that the newest models have not learned.
    """

    settings: Settings
    redis: AsyncRedis
    lifecycles: tuple[str, ...]
    now: Callable[[], int]
    kafka: str | None = "not looked at yet"
    redis_reason: str | None = "not looked at yet"
    redis_memory: int | None = None
    redis_counts: dict[str, dict[str, int]] = field(default_factory=dict)
    topics: list[TopicLag] = field(default_factory=list)
    workers: int | None = None
    moments: deque[Moment] = field(default_factory=lambda: deque(maxlen=_KEPT))
    samples: list[Sample] = field(default_factory=list)
    pages: dict[str, str | None] = field(default_factory=dict)
    snapshot: Snapshot | None = None
    training_waits: int | None = None

    def total(self, name: str) -> float | None:
        """Sum of a metric over all processes and labels; None when no page tells it."""
        found = [one.value for one in self.samples if one.name == name]
        return sum(found) if found else None

    def largest(self, name: str) -> float | None:
        """The largest value of a metric; None when no page tells it."""
        return max((one.value for one in self.samples if one.name == name), default=None)

    async def watch(self) -> None:
        """Look until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._watch_kafka())
            group.create_task(self._repeat(self._look_at_redis))
            group.create_task(self._repeat(self._look_at_pages))

    @staticmethod
    async def _repeat(look: Callable[[], Any]) -> None:
        while True:
            await look()
            await asyncio.sleep(_EVERY_S)

    async def _watch_kafka(self) -> None:
        while True:
            options = client_options(self.settings)
            admin = AIOKafkaAdminClient(**options)
            consumer = AIOKafkaConsumer(**options, enable_auto_commit=False)
            try:
                await admin.start()
                await consumer.start()
                while True:
                    async with asyncio.timeout(5 * _EVERY_S):
                        await self._look_at_kafka(admin, consumer)
                    await asyncio.sleep(_EVERY_S)
            except (KafkaError, OSError, TimeoutError) as error:
                self.kafka = f"{self.settings.kafka} does not answer ({type(error).__name__})"
                self.workers = None
            finally:
                with suppress(KafkaError, OSError):
                    await consumer.stop()
                with suppress(KafkaError, OSError):
                    await admin.close()
            await asyncio.sleep(_EVERY_S)

    async def _look_at_kafka(self, admin: AIOKafkaAdminClient, consumer: AIOKafkaConsumer) -> None:
        prefix = self.settings.topic_prefix
        wanted = {prefix + name for name in _LOOKED_AT}
        places = [
            TopicPartition(entry["topic"], part["partition"])
            for entry in await admin.describe_topics()
            if entry["topic"] in wanted
            for part in entry["partitions"]
        ]
        committed = await self._committed(admin)
        ends = await consumer.end_offsets(places)
        by_topic: dict[str, list[int]] = {}
        for place, end in ends.items():
            sums = by_topic.setdefault(place.topic.removeprefix(prefix), [0, 0])
            sums[0] += end
            sums[1] += end - min(end, max(0, committed.get(place, 0)))
        trained = by_topic.pop("training", [0, 0])[0]
        # Ends count transaction markers too, so what is left may be a few more than records.
        self.training_waits = max(0, trained - self.snapshot.offset) if self.snapshot else trained
        self.topics = [TopicLag(name, *sums) for name, sums in sorted(by_topic.items())]
        self.kafka = None
        self._note()

    async def _committed(self, admin: AIOKafkaAdminClient) -> dict[TopicPartition, int]:
        group = self.settings.prefix
        try:
            found = await admin.list_consumer_group_offsets(group)
            (answer,) = await admin.describe_consumer_groups([group])
            self.workers = len(answer.groups[0][5])
        except KafkaError:  # no coordinator yet, or a rebalance
            self.workers = None
            return {}
        return {place: meta.offset for place, meta in found.items()}

    def _note(self) -> None:
        """Keep what was seen; throughput is what was finished since the look before."""
        at = self.now()
        finished = sum(one.written - one.waiting for one in self.topics if one.topic in SOURCES)
        waiting = sum(one.waiting for one in self.topics if one.topic in SOURCES)
        before = getattr(self, "_before", None)
        per_second = (
            0.0 if before is None else max(0.0, (finished - before[1]) / max(1e-6, (at - before[0]) / 1e6))
        )
        self._before = at, finished
        self.moments.append(Moment(format_instant(at)[11:19], waiting, round(per_second, 1)))

    async def _look_at_redis(self) -> None:
        try:
            with telling_redis("the console cannot look at Redis"):
                counts: dict[str, dict[str, int]] = {}
                for name, keys in keys_of(self.settings.redis_prefix, self.lifecycles).items():
                    found: Any = await self.redis.hgetall(keys.counts)
                    counts[name] = {
                        stage.decode(): int(number) for stage, number in found.items() if int(number)
                    }
                with suppress(Exception):  # a user without the right to INFO, a Cluster: then it is not known
                    told: Any = await self.redis.info("memory")
                    self.redis_memory = int(told["used_memory"])
        except RedisUnavailable as error:
            self.redis_reason = error.sentence
        else:
            self.redis_counts, self.redis_reason = counts, None

    async def _look_at_pages(self) -> None:
        samples: list[Sample] = []
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_PAGE_S)) as session:
            for page in self.settings.console.metrics:
                try:
                    async with session.get(page) as answer:
                        text = await answer.text()
                    samples += [
                        one for family in text_string_to_metric_families(text) for one in family.samples
                    ]
                    self.pages[page] = None
                except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
                    self.pages[page] = f"does not answer ({type(error).__name__})"
        self.samples = samples

    async def follow_models(self) -> None:
        """Keep the newest snapshot; a console without the models' key goes on without."""
        from stream_app.model_feed import follow  # noqa: PLC0415 - models are slow to import
        from stream_app.model_topic_of import model_topic  # noqa: PLC0415 - same

        def take(snapshot: Snapshot) -> None:
            self.snapshot = snapshot

        try:
            await follow(model_topic(self.settings), take)
        except LifecycleAppError as error:
            log.warning("models are not shown", reason=error.sentence)


def quantile(samples: Sequence[Sample], name: str, share: float) -> float | None:
    """The upper bound of the bucket below which *share* of the observations of a histogram lie, over all processes.

    Examples:
        >>> buckets = [Sample("x_seconds_bucket", {"le": le}, n) for le, n in (("0.1", 5.0), ("1", 9.0), ("+Inf", 10.0))]
        >>> quantile(buckets, "x_seconds", 0.9), quantile(buckets, "y_seconds", 0.9)
        (1.0, None)
    """
    sums: dict[float, float] = {}
    for sample in samples:
        if sample.name == f"{name}_bucket":
            bound = float(sample.labels["le"])
            sums[bound] = sums.get(bound, 0.0) + sample.value
    total = sums.get(float("inf"), 0.0)
    return (
        next((bound for bound, number in sorted(sums.items()) if number >= share * total), None)
        if total
        else None
    )

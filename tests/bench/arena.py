"""Where the contenders meet: embedded services, topics, what lies in them at the beginning, and how far a group has read."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from time import time_ns
from typing import Any

import psutil
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import GroupCoordinatorNotAvailableError, NotCoordinatorForGroupError

from stream_app.batch_sender import BatchSender
from stream_app.embedded import EmbeddedServices
from stream_app.settings import Settings
from stream_app.topic_admin import ensure
from stream_app.topics import SOURCES, changelog_name, declare
from stream_app.worker.changelog import stamped
from tests.bench.job import LIFECYCLE, Histories, Job, histories
from tests.bench.processes import Running, steady, watch
from tests.bench.report import console
from tests.bench.traffic import Population, Sent

_FLUSH_EVERY = 50_000


class Arena:
    """One run's services.

    Args:
        services: Started.
        directory: For logs, state and specifications of contenders.

    Attributes:
        until: The instant (µs) that counts as "when the run began"; all events lie before it.
    """

    def __init__(self, services: EmbeddedServices, directory: Path) -> None:
        self.services = services
        self.directory = directory
        self.until = time_ns() // 1000

    @property
    def histories(self) -> Histories:
        """The pasts that customers bring along."""
        return histories(self.until)

    def settings(self, prefix: str, partitions: int, *, redis: int = 0) -> Settings:
        """Settings of a worker of its own prefix; *redis* is the number of the database."""
        flags: dict[str, Any] = {
            "kafka": self.services.kafka,
            "redis": self.services.redis_url.rsplit("/", 1)[0] + f"/{redis}",
            "prefix": prefix,
            "data_dir": self.directory / prefix,
            "topics": {"partitions": partitions},
        }
        return Job.of(**flags).settings

    def processes(self) -> dict[str, psutil.Process]:
        """The services' own processes, whose cost is part of the whole."""
        found = {"broker": self.services.broker.process, "redis": self.services.redis.process}
        return {name: process for name, process in found.items() if process is not None}

    def worker(
        self, settings: Settings, *, number: int = 0, profile: Path | None = None, **variables: str
    ) -> Running:
        """A real ``lifecycle worker``; with *profile*, one that samples where its time goes."""
        environment = {
            "LIFECYCLE_KAFKA": settings.kafka,
            "LIFECYCLE_REDIS": settings.redis,
            "LIFECYCLE_PREFIX": settings.prefix,
            "LIFECYCLE_DATA_DIR": str(settings.data_dir / f"worker-{number}"),
            "LIFECYCLE_TOPICS__PARTITIONS": str(settings.topics.partitions),
            "LIFECYCLE_LIFECYCLES": LIFECYCLE,
            "LIFECYCLE_LOG__FORMAT": "json",
            **variables,
        }
        program = ["-m", "stream_app"]
        if profile is not None:
            program = ["-m", "tests.bench.profiled", str(profile)]
        log = self.directory / f"{settings.prefix}-worker-{number}.log"
        return Running(f"worker {number}" if number else "worker", [*program, "worker"], log, environment)

    # ---------------------------------------------------------------- topics

    async def prepare(self, settings: Settings) -> None:
        """Create the topics of a prefix."""
        await ensure(settings.kafka, declare(settings))

    async def create(self, names: Sequence[str], partitions: int, **config: str) -> None:
        """Create further topics."""
        async with self._admin() as admin:
            await admin.create_topics([NewTopic(name, partitions, 1, topic_configs=config) for name in names])

    async def fill(self, settings: Settings, events: Iterable[Sent], count: int) -> None:
        """Send events to the source topics of a prefix."""
        names = [settings.topic_prefix + name for name in SOURCES]
        async with BatchSender(settings, settings.topics.partitions) as sender:
            with console.status("") as status:
                for number, sent in enumerate(events, 1):
                    await sender.add(names[sent.source], sent.customer.encode(), sent.value)
                    if not number % _FLUSH_EVERY:
                        await sender.flush()
                        status.update(f"sending {number:,} of {count:,} events to {settings.topic_prefix}*")
                await sender.flush()

    async def settle(self, settings: Settings, population: Population, *, serve: bool = True) -> None:
        """Give every customer of the population a past: profiles in the changelog, and their states in Redis.

        A worker is started once so that Redis is written the way it always is; not if *serve* is false.
        """
        changelog, changes = changelog_name(settings), f"{settings.topic_prefix}stage-changes"
        past = self.histories
        async with BatchSender(settings, settings.topics.partitions) as sender:
            with console.status("") as status:
                for rank, customer in enumerate(population.ids):
                    key = customer.encode()
                    await sender.add(changelog, key, stamped(1, past.of(population, rank)))
                    if serve:
                        await sender.add(changes, key, past.state_of(population, rank))
                    if not rank % _FLUSH_EVERY:
                        await sender.flush()
                        status.update(f"writing the past of {rank:,} of {population.size:,} customers")
                await sender.flush()
        if serve:
            await self.drain(settings, ["stage-changes"])

    async def drain(self, settings: Settings, names: Sequence[str], seconds: float = 900.0) -> None:
        """Run a worker until its group has read the named topics to their ends."""
        topics = [settings.topic_prefix + name for name in names]
        ends = sum((await self.ends(topics, settings.topics.partitions)).values())
        with self.worker(settings) as worker, console.status("") as status:
            async with self.position(settings.prefix, topics) as position:
                waited = 0.0
                while (done := await position()) < ends:
                    status.update(f"writing Redis: {done:,} of {ends:,} states")
                    worker.check()
                    await asyncio.sleep(0.25)
                    waited += 0.25
                    if waited > seconds:
                        raise TimeoutError(
                            f"the worker has read {done:,} of {ends:,} records of {', '.join(topics)}"
                        )

    async def measure(
        self,
        settings: Settings,
        events: Iterable[Sent],
        count: int,
        *,
        workers: int = 1,
        seconds: float = 900.0,
    ) -> dict[str, Any]:
        """Send events, then let workers do them: rate and cost of the steady part, all workers together."""
        topics = [settings.topic_prefix + source for source in SOURCES]
        await self.fill(settings, events, count)
        written = await self._written(settings)
        async with self.position(settings.prefix, topics) as position, AsyncExitStack() as stack:
            before = await position()

            async def done() -> int:
                return await position() - before

            running = [stack.enter_context(self.worker(settings, number=number)) for number in range(workers)]
            samples = await watch(running, done, count, services=self.processes(), seconds=seconds)
            figures: dict[str, Any] = steady(samples, count)
            figures["finished"] = samples[-1].position >= count
            figures["resident_mib"] = round(sum(process.resident() for process in running) / 2**20, 1)
        for name, end in (await self._written(settings)).items():
            figures[f"{name}_per_event"] = round((end - written[name]) / count, 4)
        return figures

    async def _written(self, settings: Settings) -> dict[str, int]:
        """Records so far of the topics that workers write."""
        topics = {
            "profiles": changelog_name(settings),
            "stage_changes": f"{settings.topic_prefix}stage-changes",
        }
        partitions = settings.topics.partitions
        return {name: sum((await self.ends([topic], partitions)).values()) for name, topic in topics.items()}

    async def ends(self, topics: Sequence[str], partitions: int) -> dict[TopicPartition, int]:
        """End offsets of topics."""
        consumer = AIOKafkaConsumer(bootstrap_servers=self.services.kafka)
        await consumer.start()
        try:
            places = [TopicPartition(topic, number) for topic in topics for number in range(partitions)]
            found: dict[TopicPartition, int] = await consumer.end_offsets(places)
            return found
        finally:
            await consumer.stop()

    @asynccontextmanager
    async def position(self, group: str, topics: Sequence[str]) -> AsyncIterator[Any]:
        """A function that tells how many records of these topics a consumer group has committed."""
        wanted = frozenset(topics)
        async with self._admin() as admin:

            async def committed() -> int:
                try:
                    offsets = await admin.list_consumer_group_offsets(group)
                except (GroupCoordinatorNotAvailableError, NotCoordinatorForGroupError):
                    return 0  # no group has ever been here
                return sum(max(at.offset, 0) for place, at in offsets.items() if place.topic in wanted)

            yield committed

    @asynccontextmanager
    async def _admin(self) -> AsyncIterator[AIOKafkaAdminClient]:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.services.kafka)
        await admin.start()
        try:
            yield admin
        finally:
            await admin.close()


@asynccontextmanager
async def arena() -> AsyncIterator[Arena]:
    """Services and a directory that are gone afterwards."""
    directory = Path(tempfile.mkdtemp(prefix="lifecycle-bench-"))
    services = EmbeddedServices(directory / "services")
    console.print("starting Kafka and Redis")
    await asyncio.to_thread(services.start)
    try:
        yield Arena(services, directory)
    finally:
        await asyncio.to_thread(services.stop)
        shutil.rmtree(directory, ignore_errors=True)

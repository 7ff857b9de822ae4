"""Where do snapshots travel, and which one is the newest?"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from scorers.learner import Task
from scorers.snapshot import Snapshot, open_snapshot
from stream_app.errors import Unavailable

RECORD_KEY = b"models"
FIRST_LOOK = 4  # offsets from the end: a snapshot and its commit marker take two
PATIENCE = 60.0  # seconds for reading the newest snapshot


@dataclass(frozen=True)
class ModelTopic:
    """The compacted topic of snapshots, and what is needed to believe them.

    Attributes:
        client: Connection options of aiokafka.
        prefix: What topic names start with, dot included.
        key: Secret that signs; not shown.
        tasks: What is predicted, by lifecycle name.
    """

    client: Mapping[str, Any]
    prefix: str
    key: bytes = field(repr=False)
    tasks: Mapping[str, Task]

    @property
    def models(self) -> TopicPartition:
        """The only partition of the models topic."""
        return TopicPartition(f"{self.prefix}models", 0)

    @property
    def training(self) -> TopicPartition:
        """The only partition of the training topic."""
        return TopicPartition(f"{self.prefix}training", 0)

    def open(self, data: bytes) -> Snapshot:
        """Verify and read a snapshot.

        Raises:
            SnapshotRefused: With the reason.
        """
        return open_snapshot(data, self.key, self.tasks)

    @asynccontextmanager
    async def reader(self) -> AsyncIterator[AIOKafkaConsumer]:
        """Give a groupless consumer of committed snapshots.

        Raises:
            Unavailable: If Kafka does not answer.
        """
        consumer = AIOKafkaConsumer(
            **self.client,
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
        )
        try:
            await consumer.start()
            consumer.assign([self.models])
            yield consumer
        except KafkaError as error:
            raise Unavailable(f"{self.models.topic} cannot be read ({error}): is Kafka up?") from error
        finally:
            await consumer.stop()

    async def newest(self, consumer: AIOKafkaConsumer) -> bytes | None:
        """Read the newest snapshot, leaving the consumer just behind it.

        Looks back from the end in growing steps, for the topic may hold thousands that are not yet compacted.

        Args:
            consumer: From `reader`.

        Returns:
            Signed bytes, not yet verified; `None` when there is none.

        Raises:
            Unavailable: If it cannot be read within a minute.
        """
        try:
            async with asyncio.timeout(PATIENCE):
                return await self._look_back(consumer)
        except TimeoutError:
            raise Unavailable(f"{self.models.topic} was not read in {PATIENCE:g} s: is Kafka up?") from None

    async def _look_back(self, consumer: AIOKafkaConsumer) -> bytes | None:
        where = self.models
        first = (await consumer.beginning_offsets([where]))[where]
        end = (await consumer.end_offsets([where]))[where]
        step = FIRST_LOOK
        while True:
            start = max(first, end - step)
            found = await self._last_between(consumer, start, end)
            if found is not None or start == first:
                return found
            step *= 8

    async def _last_between(self, consumer: AIOKafkaConsumer, start: int, end: int) -> bytes | None:
        where, found = self.models, None
        consumer.seek(where, start)
        while await consumer.position(where) < end:
            fetched = await consumer.getmany(where, timeout_ms=200)
            found = newest_of(fetched.get(where, ())) or found
        return found


def newest_of(records: Any) -> bytes | None:
    """Give the value of the last record that is a snapshot of ours."""
    values = [record.value for record in records if record.key == RECORD_KEY and record.value]
    return values[-1] if values else None


async def newest_snapshot(topic: ModelTopic) -> Snapshot | None:
    """Read and verify the newest snapshot once.

    Returns:
        `None` when nothing was published yet.

    Raises:
        SnapshotRefused: When it is not to be believed.
        Unavailable: If Kafka does not answer.
    """
    async with topic.reader() as consumer:
        data = await topic.newest(consumer)
    return None if data is None else topic.open(data)

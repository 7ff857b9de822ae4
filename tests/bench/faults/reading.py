"""Reads logs from their beginning without keeping them: those of a soak do not fit into memory."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from stream_app.kafka_clients import client_options
from tests.integration.workers import LARGEST_SENT, Tenant


class Reading:
    """Some topics of one partition, as they are now.

    Args:
        consumer: At their beginnings.
        partition: Of all of them.
        ends: Where each ends.
    """

    def __init__(self, consumer: Any, partition: int, ends: dict[Any, int]) -> None:
        self._consumer = consumer
        self._partition = partition
        self._ends = ends

    def end(self, topic: str) -> int:
        """Where a topic ends."""
        return self._ends[TopicPartition(topic, self._partition)]

    async def take(self, topic: str, count: int) -> list[Any]:
        """The next *count* records of a topic."""
        place, found = TopicPartition(topic, self._partition), []
        while len(found) < count:
            answer = await self._consumer.getmany(place, timeout_ms=500, max_records=count - len(found))
            found += answer.get(place, ())
        return found

    async def runs(self, topic: str) -> AsyncIterator[list[Any]]:
        """The rest of a topic."""
        place = TopicPartition(topic, self._partition)
        while await self._consumer.position(place) < self._ends[place]:
            yield (await self._consumer.getmany(place, timeout_ms=500)).get(place, [])


@asynccontextmanager
async def reading(tenant: Tenant, topics: Sequence[str], partition: int) -> AsyncIterator[Reading]:
    """Open the logs of one partition."""
    consumer = AIOKafkaConsumer(
        **client_options(tenant.settings), auto_offset_reset="earliest", enable_auto_commit=False,
        max_partition_fetch_bytes=LARGEST_SENT,
    )  # fmt: skip
    await consumer.start()
    try:
        places = [TopicPartition(topic, partition) for topic in topics]
        consumer.assign(places)
        yield Reading(consumer, partition, await consumer.end_offsets(places))
    finally:
        await consumer.stop()

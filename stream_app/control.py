"""Asking the workers for something, and hearing that it is done: control records on the tick topic.

A request goes to ``lifecycle.ticks``, because workers read that topic in step with the events of a partition:
what was sent before the request is in the answer. Answers come on ``lifecycle.stage-changes`` or ``lifecycle.merges``.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Self

import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from stream_app.batch_sender import partition_of
from stream_app.errors import Misconfigured, Unavailable
from stream_app.kafka_clients import client_options
from stream_app.settings import Settings
from stream_app.worker.changelog import absorb
from stream_app.worker.stores import MemoryStore

__all__ = ["Control", "control"]

PAGE_MS = 250  # how long one look at the topic waits, so that progress and timeouts are seen in between


class Control:
    """One conversation with the workers.

    Args:
        settings: Topic prefix.
        producer: Started.
        consumer: Started, assigned to nothing yet.
        answers: Short name of the topic on which answers come.
    """

    def __init__(
        self, settings: Settings, producer: AIOKafkaProducer, consumer: AIOKafkaConsumer, answers: str
    ) -> None:
        self.ticks = f"{settings.topic_prefix}ticks"
        self.answers = f"{settings.topic_prefix}{answers}"
        self._producer = producer
        self._consumer = consumer
        self.partitions: tuple[int, ...] = ()

    async def listen(self, customer: str | None = None) -> Self:
        """Attends to the answers from now on: on every partition, or on the one of *customer*.

        Raises:
            Misconfigured: If the topics do not exist or differ in their partitions.
        """
        there = await self._consumer.topics()
        counts = [
            len(await self._producer.partitions_for(topic)) if topic in there else 0
            for topic in (self.ticks, self.answers)
        ]
        if not counts[0] or counts[0] != counts[1]:
            raise Misconfigured(
                f"{self.ticks} has {counts[0]} partitions, {self.answers} {counts[1]}: run `lifecycle topics`"
            )
        here = None if customer is None else partition_of(customer.encode(), counts[0])
        self.partitions = tuple(range(counts[0])) if here is None else (here,)
        assigned = [TopicPartition(self.answers, partition) for partition in self.partitions]
        self._consumer.assign(assigned)
        for at, offset in (await self._consumer.end_offsets(assigned)).items():
            self._consumer.seek(at, offset)
        return self

    async def ask(self, request: Mapping[str, Any]) -> None:
        """Sends *request* to every partition attended to; returns when Kafka has it."""
        for partition in self.partitions:
            await self._producer.send_and_wait(self.ticks, orjson.dumps(request), partition=partition)

    async def hear(self) -> list[Any]:
        """What has come since the last look; waits a moment for it."""
        found = await self._consumer.getmany(timeout_ms=PAGE_MS, max_records=5000)
        return [record for records in found.values() for record in records]

    async def stored(self, changelog: str, partition: int, key: bytes) -> bytes | None:
        """What the changelog holds of *key*, read from beginning to end as a worker that takes over reads it."""
        at = TopicPartition(changelog, partition)
        self._consumer.assign([at])
        end = (await self._consumer.end_offsets([at]))[at]
        await self._consumer.seek_to_beginning(at)
        epoch, last = 0, None
        while await self._consumer.position(at) < end:
            page = MemoryStore()
            page.epoch = epoch
            absorb(
                page, (await self._consumer.getmany(at, timeout_ms=PAGE_MS, max_records=10_000)).get(at, [])
            )
            epoch, last = page.epoch, page.get(key) or last
        return last


@asynccontextmanager
async def control(settings: Settings, answers: str = "stage-changes") -> AsyncIterator[Control]:
    """A conversation with the workers; Kafka's failures become one error.

    Args:
        settings: Where Kafka is, and the topic prefix.
        answers: Short name of the topic on which answers come.

    Raises:
        Unavailable: Kafka does not answer.
    """
    options = client_options(settings)
    producer = AIOKafkaProducer(**options)
    consumer = AIOKafkaConsumer(**options, enable_auto_commit=False, auto_offset_reset="earliest")
    try:
        await consumer.start()
        await producer.start()
        yield Control(settings, producer, consumer, answers)
    except (KafkaError, OSError) as error:
        raise Unavailable(f"Kafka at {settings.kafka}: {error}; check that it runs") from error
    finally:
        await producer.stop()
        await consumer.stop()

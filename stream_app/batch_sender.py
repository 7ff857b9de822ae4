"""How do many events get into Kafka fast, in order, each once, and with their offsets known?

Events are packed into one batch for each topic and partition, and a batch is sent as a whole: that costs a
few microseconds for an event, where a send of its own costs dozens. The producer is idempotent, and a
partition has one batch in flight at most, so a retry neither doubles nor reorders.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, Self

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError, MessageSizeTooLargeError
from aiokafka.partitioner import murmur2

from stream_app.errors import Unavailable, WorkFailed
from stream_app.kafka_clients import client_options
from stream_app.settings import Settings
from stream_app.topics import LARGEST_RECORD

BATCH_BYTES = 768 * 1024
"""Fits the size limit of a topic that others have created with Kafka's default of 1 MiB."""
_REMEMBERED = 1 << 20


def partition_of(key: bytes, partitions: int) -> int:
    """Return the partition of a key, as every client with the default (murmur2) partitioner does.

    Examples:
        >>> partition_of(b"13085", 8), partition_of(b"c1", 8)
        (7, 3)
    """
    return int((murmur2(key) & 0x7FFFFFFF) % partitions)


class Partitions(dict[bytes, int]):
    """The partitions of keys, remembered: looked up here, a key costs a third of a remembered call.

    Args:
        count: How many partitions there are.

    Examples:
        >>> Partitions(8)[b"13085"]
        7
    """

    def __init__(self, count: int) -> None:
        super().__init__()
        self._count = count

    def __missing__(self, key: bytes) -> int:
        if len(self) >= _REMEMBERED:
            self.clear()
        number = self[key] = partition_of(key, self._count)
        return number


class BatchSender:
    """Sends events to topics that have the same number of partitions. Use it as an async context manager.

    Args:
        settings: Where Kafka is.
        partitions: Of every topic that is sent to.

    Attributes:
        partitions: As given.
        next_offsets: By partition, then topic: the offset after the last acknowledged event of this sender.
    """

    def __init__(self, settings: Settings, partitions: int) -> None:
        self.partitions = partitions
        self._numbers = Partitions(partitions)
        self.next_offsets: list[dict[str, int]] = [{} for _ in range(partitions)]
        self._settings = settings
        self._open: dict[tuple[str, int], Any] = {}
        self._in_flight: list[tuple[str, int, int, asyncio.Future[Any]]] = []
        self._producer: AIOKafkaProducer

    async def __aenter__(self) -> Self:
        self._producer = AIOKafkaProducer(
            **client_options(self._settings),
            acks="all",
            enable_idempotence=True,
            compression_type="snappy",
            max_batch_size=BATCH_BYTES,
            max_request_size=LARGEST_RECORD,
            request_timeout_ms=60_000,
        )
        try:
            await self._producer.start()
        except KafkaError as error:
            await self._producer.stop()
            raise self._unavailable(error) from None
        return self

    async def __aexit__(self, *_error: object) -> None:
        for *_, future in self._in_flight:
            future.cancel()
        try:
            await self._producer.stop()
        except KafkaError as error:
            raise self._unavailable(error) from None

    async def add(self, topic: str, key: bytes, value: bytes) -> None:
        """Put an event into the batch of its partition; a batch that is full is sent.

        Args:
            topic: Full topic name.
            key: Customer id; an empty one is sent as no key, always to the same partition.
            value: The event.
        """
        partition = self._numbers[key]
        batch = self._open.get((topic, partition))
        if batch is None:
            batch = self._open[topic, partition] = self._producer.create_batch()
        if batch.append(timestamp=None, key=key or None, value=value) is None:
            await self._send(topic, partition)
            batch = self._open[topic, partition] = self._producer.create_batch()
            batch.append(timestamp=None, key=key or None, value=value)

    async def flush(self) -> None:
        """Send what is packed and wait until Kafka has acknowledged everything; `next_offsets` is exact then.

        Raises:
            Unavailable: If Kafka does not acknowledge in time.
            WorkFailed: If an event is larger than its topic accepts.
        """
        for topic, partition in list(self._open):
            await self._send(topic, partition)
        flown, self._in_flight = self._in_flight, []
        unknown = []
        for topic, partition, count, future in flown:
            offset = await self._acknowledged(topic, future)
            if offset < 0:
                # Kafka has it from an earlier try, and does not say where.
                unknown.append(TopicPartition(topic, partition))
            else:
                self.next_offsets[partition][topic] = offset + count
        if unknown:
            await self._look_up(unknown)

    async def send_to_all(self, topic: str, values: Mapping[int, bytes]) -> None:
        """Send one record to each of some partitions, by partition number."""
        try:
            futures = [
                await self._producer.send(topic, value, partition=partition)
                for partition, value in values.items()
            ]
            await asyncio.gather(*futures)
        except KafkaError as error:
            raise self._unavailable(error) from None

    async def _send(self, topic: str, partition: int) -> None:
        batch = self._open.pop((topic, partition))
        count = batch.record_count()
        batch.close()
        try:
            future = await self._producer.send_batch(batch, topic, partition=partition)
        except KafkaError as error:
            raise self._unavailable(error) from None
        self._in_flight.append((topic, partition, count, future))

    async def _acknowledged(self, topic: str, future: "asyncio.Future[Any]") -> int:
        try:
            return int((await future).offset)
        except MessageSizeTooLargeError:
            raise WorkFailed(
                f"topic {topic} refuses an event as too large; let it accept what `lifecycle topics` gives, "
                f"kafka-configs --alter --entity-type topics --entity-name {topic} "
                f"--add-config max.message.bytes={LARGEST_RECORD}"
            ) from None
        except KafkaError as error:
            raise self._unavailable(error) from None

    async def _look_up(self, unknown: list[TopicPartition]) -> None:
        """Ask where the partitions end: at or after the end of what was sent."""
        consumer = AIOKafkaConsumer(**client_options(self._settings))
        try:
            await consumer.start()
            ends = await consumer.end_offsets(unknown)
        except KafkaError as error:
            raise self._unavailable(error) from None
        finally:
            await consumer.stop()
        for place, offset in ends.items():
            self.next_offsets[place.partition][place.topic] = offset

    def _unavailable(self, error: KafkaError) -> Unavailable:
        reason = " ".join(str(error).split()) or type(error).__name__
        return Unavailable(
            f"Kafka at {self._settings.kafka} does not answer ({reason}): start it, for example with "
            "`lifecycle up`, or correct LIFECYCLE_KAFKA or --kafka"
        )

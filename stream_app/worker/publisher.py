"""How records leave the worker: whole batches per topic-partition, acknowledged by all replicas, or not at all."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Generator, Sequence
from typing import Any, NamedTuple

from aiokafka import AIOKafkaProducer

from stream_app.topics import LARGEST_RECORD

__all__ = ["Handed", "Publisher", "Record"]


class Record(NamedTuple):
    """One record to send."""

    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()


class Handed(NamedTuple):
    """A batch on its way; awaiting it gives its place, `offset` of its first record, when it is acknowledged."""

    acknowledged: "asyncio.Future[Any]"
    records: int

    def __await__(self) -> Generator[Any, None, Any]:
        return self.acknowledged.__await__()


class Publisher:
    """An idempotent producer that takes the records of one topic-partition as batches.

    Batches of one topic-partition are written in the order of the calls.

    Args:
        options: Connection options of the client.
        lease: Called before every produce request; it ends the process when the worker has slept for so long that
            its partitions may belong to somebody else.
    """

    def __init__(self, options: dict[str, Any], lease: Callable[[], None]) -> None:
        self._options = options
        self._lease = lease
        self._producer: AIOKafkaProducer
        self._queues: defaultdict[tuple[str, int], asyncio.Lock] = defaultdict(asyncio.Lock)

    async def start(self) -> None:
        """Connect."""
        self._producer = AIOKafkaProducer(
            acks="all", enable_idempotence=True, linger_ms=0, max_batch_size=1 << 20,
            max_request_size=LARGEST_RECORD, request_timeout_ms=120_000, compression_type="snappy", **self._options,
        )  # fmt: skip
        await self._producer.start()
        client = self._producer.client
        send = client.send

        def guarded(node_id: Any, request: Any, **kwargs: Any) -> Any:
            self._lease()
            return send(node_id, request, **kwargs)

        client.send = guarded

    async def stop(self) -> None:
        """Send what is left and disconnect."""
        await self._producer.stop()

    async def send(self, topic: str, partition: int, records: Sequence[Record]) -> list[Handed]:
        """Hand records over in order; waits while the producer is behind.

        Returns:
            The batches; everything is acknowledged when all of them are.
        """
        futures = []
        batch = self._producer.create_batch()
        for record in records:
            headers = list(record.headers)
            if batch.append(timestamp=None, key=record.key, value=record.value, headers=headers) is None:
                futures.append(await self._submit(batch, topic, partition))
                batch = self._producer.create_batch()
                batch.append(timestamp=None, key=record.key, value=record.value, headers=headers)
        if batch.record_count():
            futures.append(await self._submit(batch, topic, partition))
        return futures

    async def _submit(self, batch: Any, topic: str, partition: int) -> Handed:
        batch.close()
        # aiokafka takes one batch of a topic-partition at a time, and counts the waiting of everybody else who queues for
        # it against the request timeout again and again: queue here instead, in order.
        async with self._queues[topic, partition]:
            future: asyncio.Future[Any] = await self._producer.send_batch(batch, topic, partition=partition)
        return Handed(future, batch.record_count())

"""How records leave the worker: whole batches per topic-partition, acknowledged by all replicas, or not at all."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Generator, Iterable, Sequence
from typing import Any, NamedTuple

from aiokafka import AIOKafkaProducer
from aiokafka.producer.message_accumulator import BatchBuilder

from stream_app.topics import LARGEST_RECORD

__all__ = ["Handed", "Publisher", "Record", "Sendable"]

_BATCH_BYTES = 1 << 20
_UNCOMPRESSED = 0


class Record(NamedTuple):
    """One record to send."""

    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()


Sendable = tuple[bytes | None, bytes | None, Sequence[tuple[str, bytes]]]
"""What can be sent: a `Record`, or its fields where there are so many that naming them costs too much."""


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
        dense: Topics that are not compressed: packed numbers lose a quarter of their bytes, and that costs the worker more
            than all the rest of sending them.
    """

    def __init__(self, options: dict[str, Any], lease: Callable[[], None], dense: frozenset[str]) -> None:
        self._options = options
        self._lease = lease
        self._dense = dense
        self._producer: AIOKafkaProducer
        self._queues: defaultdict[tuple[str, int], asyncio.Lock] = defaultdict(asyncio.Lock)

    async def start(self) -> None:
        """Connect."""
        self._producer = AIOKafkaProducer(
            acks="all", enable_idempotence=True, linger_ms=0, max_batch_size=_BATCH_BYTES,
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

    async def send(self, topic: str, partition: int, records: Iterable[Sendable]) -> list[Handed]:
        """Hand records over in order; waits while the producer is behind.

        Returns:
            The batches; everything is acknowledged when all of them are.
        """
        futures = []
        batch = self._batch(topic)
        for key, value, headers in records:
            if batch.append(timestamp=None, key=key, value=value, headers=list(headers)) is None:
                futures.append(await self._submit(batch, topic, partition))
                batch = self._batch(topic)
                batch.append(timestamp=None, key=key, value=value, headers=list(headers))
        if batch.record_count():
            futures.append(await self._submit(batch, topic, partition))
        return futures

    def _batch(self, topic: str) -> Any:
        if topic in self._dense:  # the client can only compress all that it sends, or nothing
            return BatchBuilder(_BATCH_BYTES, _UNCOMPRESSED)
        return self._producer.create_batch()

    async def _submit(self, batch: Any, topic: str, partition: int) -> Handed:
        batch.close()
        # aiokafka takes one batch of a topic-partition at a time, and counts the waiting of everybody else who queues for
        # it against the request timeout again and again: queue here instead, in order.
        async with self._queues[topic, partition]:
            future: asyncio.Future[Any] = await self._producer.send_batch(batch, topic, partition=partition)
        return Handed(future, batch.record_count())

"""Events that arrive when they arrive, however slow the consumer is: an open loop, without coordinated omission."""

import asyncio
from collections.abc import Sequence
from time import time_ns
from types import TracebackType
from typing import Any, Self

from aiokafka import AIOKafkaProducer

from stream_app.batch_sender import partition_of
from stream_app.settings import Settings
from stream_app.topics import SOURCES
from tests.bench.traffic import Sent

_TICK_S = 0.005


class OpenLoop:
    """A producer that sends event *k* at ``begin + k / rate``, or as soon after it as it can.

    Args:
        settings: Where the source topics are.
        rate: Events per second.

    Attributes:
        begin: Wall clock (ns) of event 0, once sending has begun.
        sent: How many have been handed to the producer.
        latest: The longest (s) that the producer itself was behind: what is measured beyond it says nothing.
    """

    def __init__(self, settings: Settings, rate: float) -> None:
        self._names = [settings.topic_prefix + name for name in SOURCES]
        self._partitions = settings.topics.partitions
        self._rate = rate
        self._producer = AIOKafkaProducer(
            bootstrap_servers=settings.kafka, acks="all", enable_idempotence=True, compression_type="snappy",
            max_batch_size=1 << 20,
        )  # fmt: skip
        self.begin = 0
        self.sent = 0
        self.latest = 0.0

    async def __aenter__(self) -> Self:
        await self._producer.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._producer.stop()

    async def send(self, events: Sequence[Sent]) -> None:
        """Send all of them, each when it is due."""
        places = [(event.source, partition_of(event.customer.encode(), self._partitions)) for event in events]
        self.begin = time_ns()
        acknowledged: set[asyncio.Future[Any]] = set()
        while self.sent < len(events):
            due = min(len(events), int((time_ns() - self.begin) / 1e9 * self._rate) + 1)
            batches: dict[tuple[int, int], Any] = {}
            for number in range(self.sent, due):
                batch = batches.get(places[number])
                if batch is None:
                    batch = batches[places[number]] = self._producer.create_batch()
                event = events[number]
                batch.append(timestamp=None, key=event.customer.encode(), value=event.value)
            for (source, partition), batch in batches.items():
                batch.close()
                future = await self._producer.send_batch(batch, self._names[source], partition=partition)
                acknowledged.add(future)
                future.add_done_callback(acknowledged.discard)
            self.latest = max(self.latest, (time_ns() - self.begin) / 1e9 - self.sent / self._rate)
            self.sent = due
            await asyncio.sleep(_TICK_S)
        await asyncio.gather(*acknowledged)

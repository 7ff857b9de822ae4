"""Sends planned records at a pace, with honest ticks, and outlives a broker that is away for a while."""

import asyncio
import threading
import time
from collections.abc import Iterable, Sequence

import orjson
from aiokafka import AIOKafkaProducer

from state import format_instant
from stream_app.batch_sender import partition_of
from stream_app.kafka_clients import client_options
from tests.bench.faults.traffic import Planned
from tests.integration.workers import LARGEST_SENT, Tenant

EVERY_S = 0.5

Slice = tuple[Sequence[Planned], int]


class Feeder:
    """A producer in a thread of its own.

    After every slice it tells each partition how far event time has come: everything that is still to be sent
    in the same phase is later than that.

    Args:
        tenant: Whose topics.
        slices: Records in the order of sending, and how far event time has come (µs) when they are sent; 0 if that
            is unknown.
        number: How many slices there are.
        seconds: How long it takes; 0 for as fast as possible.

    Attributes:
        sent: Records acknowledged, by partition.
    """

    def __init__(self, tenant: Tenant, slices: Iterable[Slice], number: int, seconds: float) -> None:
        self.sent = [0] * tenant.partitions
        self._tenant = tenant
        self._slices = slices
        self._number = number
        self._seconds = seconds
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="feeder", daemon=True)

    def start(self) -> None:
        self._thread.start()

    @property
    def is_done(self) -> bool:
        return not self._thread.is_alive()

    def join(self) -> None:
        """Wait until everything is sent.

        Raises:
            RuntimeError: If Kafka did not take it.
        """
        self._thread.join()
        if self._failure is not None:
            raise RuntimeError("the traffic could not be sent") from self._failure

    def _run(self) -> None:
        try:
            asyncio.run(self._send())
        except Exception as error:  # noqa: BLE001 - whoever joins is told
            self._failure = error

    async def _send(self) -> None:
        tenant = self._tenant
        started = time.monotonic()
        async with AIOKafkaProducer(
            **client_options(tenant.settings), acks="all", enable_idempotence=True, linger_ms=5,
            max_request_size=LARGEST_SENT, request_timeout_ms=180_000,
        ) as producer:  # fmt: skip
            offsets: list[dict[str, int]] = [{} for _ in range(tenant.partitions)]
            await self._tick(producer, 1, offsets)  # whoever sees this waits for the next one
            for number, (planned, mark) in enumerate(self._slices, 1):
                await self._slice(producer, planned, offsets)
                if mark:
                    await self._tick(producer, mark, offsets)
                left = started + self._seconds * number / self._number - time.monotonic()
                await asyncio.sleep(max(0.0, left))

    async def _tick(self, producer: AIOKafkaProducer, at: int, offsets: list[dict[str, int]]) -> None:
        for partition, ends in enumerate(offsets):
            value = orjson.dumps({"at": format_instant(at), "offsets": ends})
            await producer.send_and_wait(self._tenant.topic("ticks"), value, partition=partition)

    async def _slice(
        self, producer: AIOKafkaProducer, planned: Sequence[Planned], offsets: list[dict[str, int]]
    ) -> None:
        waiting = []
        for each in planned:
            partition = each.partition
            if partition is None:
                partition = partition_of(each.key or b"", self._tenant.partitions)
            topic = self._tenant.topic(each.topic)
            waiting.append(await producer.send(topic, each.value, each.key, partition))
        for done in await asyncio.gather(*waiting):
            ends = offsets[done.partition]
            ends[done.topic] = max(ends.get(done.topic, 0), done.offset + 1)
            self.sent[done.partition] += 1


def sliced(planned: Sequence[Planned], seconds: float) -> list[Slice]:
    """Records in slices of half a second, four at least."""
    length = -(-len(planned) // max(4, int(seconds / EVERY_S)))
    parts = [planned[start : start + length] for start in range(0, len(planned), length)]
    return list(zip(parts, _watermarks(planned, length), strict=True))


def _watermarks(planned: Sequence[Planned], length: int) -> list[int]:
    """After each slice: the instant before which nothing more comes; at the end the last event's."""
    newest = max((each.at for each in planned if each.at is not None), default=0)
    upcoming, marks = newest + 1, []
    for start in reversed(range(0, len(planned), length)):
        marks.append(upcoming - 1)
        upcoming = min(
            [upcoming, *(each.at for each in planned[start : start + length] if each.at is not None)]
        )
    return marks[::-1]

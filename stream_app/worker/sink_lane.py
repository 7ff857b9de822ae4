"""Redis, one partition of the stage changes at a time: pushed in order, retried while Redis is away, then marked."""

import asyncio
from collections import deque
from collections.abc import Sequence
from time import monotonic
from typing import Any

import orjson
import structlog
from faust.types import TP

from stream_app.redis_sink import RedisSink, RedisUnavailable, SinkRecord
from stream_app.worker.context import Context
from stream_app.worker.publisher import Record

__all__ = ["SinkLane"]

log = structlog.get_logger(__name__)

_LONGEST_PAUSE = 5.0


class SinkLane:
    """Brings one partition of ``stage-changes`` into Redis.

    While Redis does not answer, records wait here and in Kafka; scoring goes on.
    """

    def __init__(self, context: Context, sink: RedisSink, partition: int, generation: int) -> None:
        self._context = context
        self._sink = sink
        self._partition = partition
        self._generation = generation
        self._waiting: deque[SinkRecord] = deque()
        self._arrivals: deque[tuple[int, float]] = deque()
        self._news = asyncio.Event()
        self._closing = False
        sink.forget_partition(partition)

    def offer(self, records: Sequence[Any]) -> None:
        """Take a fetched run."""
        self._waiting.extend(
            SinkRecord(
                record.offset, record.key, record.value, dict(record.headers) if record.headers else {}
            )
            for record in records
        )
        self._arrivals.append((records[-1].offset, monotonic()))
        self._news.set()

    async def close(self) -> None:
        """Stop after the push under way."""
        self._closing = True
        self._news.set()

    async def run(self) -> None:
        """Push until closed."""
        while not self._closing:
            if not self._waiting:
                self._news.clear()
                await self._news.wait()
                continue
            batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), 2000))]
            if await self._push(batch):
                last = batch[-1].offset
                tp = TP(self._context.stage_changes, self._partition)
                self._context.marks.finish(self._generation, tp, last + 1)
                self._context.progressed()

    async def _push(self, batch: list[SinkRecord]) -> bool:
        """Push one batch until Redis has it; ``False`` if closed meanwhile."""
        pause = 0.1
        metrics = self._context.metrics
        while not self._closing:
            started = monotonic()
            try:
                result = await self._sink.push(self._partition, batch)
            except RedisUnavailable as error:
                metrics.redis_is(up=False, pending=len(self._waiting) + len(batch))
                log.warning("Redis is not written, trying again", partition=self._partition, error=str(error))
                self._context.progressed()  # waiting for Redis is no standstill of the worker
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
                continue
            metrics.redis_is(up=True, pending=len(self._waiting))
            metrics.redis_push.observe(monotonic() - started)
            self._observe_latency(batch[-1].offset)
            if result.lost:
                await self._ask_to_republish()
            return True
        return False

    def _observe_latency(self, upto: int) -> None:
        now = monotonic()
        while self._arrivals and self._arrivals[0][0] <= upto:
            self._context.metrics.sink_latency.observe(now - self._arrivals.popleft()[1])

    async def _ask_to_republish(self) -> None:
        log.warning("Redis has lost data, republishing the partition", partition=self._partition)
        request = Record(None, orjson.dumps({"republish": f"lost-{self._partition}-{self._context.now()}"}))
        topic, partition = self._context.route("ticks", self._partition)
        for future in await self._context.publisher.send(topic, partition, [request]):
            await future

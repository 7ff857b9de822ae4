"""Churn alerts into Redis, one partition of their topic at a time, retried while Redis is away."""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Any

import structlog
from faust.types import TP

from stream_app.redis_alerts import AlertBook
from stream_app.redis_connection import RedisUnavailable
from stream_app.worker.context import Context

__all__ = ["AlertLane"]

log = structlog.get_logger(__name__)

_LONGEST_PAUSE = 5.0
_MOST = 1000


class AlertLane:
    """Brings one partition of ``churn-alerts`` into Redis; while Redis does not answer, records wait here and in Kafka."""

    def __init__(self, context: Context, book: AlertBook, partition: int, generation: int) -> None:
        self._context = context
        self._book = book
        self._tp = TP(context.churn_alerts, partition)
        self._generation = generation
        self._waiting: deque[tuple[int, bytes | None]] = deque()
        self._news = asyncio.Event()
        self._closing = False

    def offer(self, records: Sequence[Any]) -> None:
        """Take a fetched run."""
        self._waiting.extend((record.offset, record.value) for record in records)
        self._news.set()

    async def close(self) -> None:
        """Stop after the write under way."""
        self._closing = True
        self._news.set()

    async def run(self) -> None:
        """Write until closed."""
        pause = 0.1
        while not self._closing:
            if not self._waiting:
                self._news.clear()
                await self._news.wait()
                continue
            batch = [self._waiting[at] for at in range(min(len(self._waiting), _MOST))]
            try:
                await self._book.write([value for _, value in batch])
            except RedisUnavailable as error:
                log.warning("alerts are not in Redis yet", partition=self._tp.partition, error=str(error))
                self._context.progressed()  # waiting for Redis is no standstill of the worker
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
                continue
            pause = 0.1
            for _ in batch:
                self._waiting.popleft()
            self._context.marks.finish(self._generation, self._tp, batch[-1][0] + 1)
            self._context.progressed()

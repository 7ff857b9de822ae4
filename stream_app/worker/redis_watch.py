"""Does Redis answer while there is nothing to write, and does it keep what it is given?"""

import asyncio
from typing import Final

import structlog

from stream_app.redis_connection import RedisUnavailable
from stream_app.redis_sink import RedisSink
from stream_app.telemetry import WorkerMetrics

__all__ = ["watch_redis"]

log = structlog.get_logger(__name__)

_EVERY_S: Final = 5.0


async def watch_redis(sink: RedisSink, metrics: WorkerMetrics) -> None:
    """Ask every few seconds, until cancelled: in a quiet hour nobody else would notice that Redis is away.

    Args:
        sink: Writer of Redis.
        metrics: Told of each answer.
    """
    is_known = False
    while True:
        try:
            await sink.ping()
            if not is_known:
                _warn(await sink.eviction())
                is_known = True
        except RedisUnavailable:
            metrics.redis_up.set(0)
        else:
            metrics.redis_up.set(1)
        await asyncio.sleep(_EVERY_S)


def _warn(eviction: str) -> None:
    if eviction:
        log.warning(
            "Redis throws customers away when it is full: set its maxmemory-policy to noeviction",
            maxmemory_policy=eviction,
        )

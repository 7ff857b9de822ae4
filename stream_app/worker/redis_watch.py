"""Does Redis answer while there is nothing to write?"""

import asyncio
from typing import Final

from stream_app.redis_connection import RedisUnavailable
from stream_app.redis_sink import RedisSink
from stream_app.telemetry import WorkerMetrics

__all__ = ["watch_redis"]

_EVERY_S: Final = 5.0


async def watch_redis(sink: RedisSink, metrics: WorkerMetrics) -> None:
    """Ask every few seconds, until cancelled: in a quiet hour nobody else would notice that Redis is away.

    Args:
        sink: Writer of Redis.
        metrics: Told of each answer.
    """
    while True:
        try:
            await sink.ping()
        except RedisUnavailable:
            metrics.redis_up.set(0)
        else:
            metrics.redis_up.set(1)
        await asyncio.sleep(_EVERY_S)

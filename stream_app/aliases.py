"""Whose is an id? What Redis says of ids that were merged into customers."""

from typing import Any

from stream_app.redis_connection import AsyncRedis, telling_redis
from stream_app.redis_keys import alias_key

__all__ = ["customer_of"]


async def customer_of(client: AsyncRedis, prefix: str, asked: str) -> str:
    """The customer that *asked* belongs to: itself unless it was merged.

    Args:
        client: Redis.
        prefix: Configured prefix.
        asked: A customer id or an anonymous one.

    Raises:
        RedisUnavailable: Redis does not answer.
    """
    with telling_redis(f"the customer of id {asked!r} cannot be looked up"):
        found: Any = await client.get(alias_key(prefix, asked))
    return found.decode() if found else asked

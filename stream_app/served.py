"""What does Redis serve for one customer?"""

from typing import Any

import msgspec
import orjson

from stream_app.redis_connection import AsyncRedis, telling_redis
from stream_app.redis_keys import RedisKeys

__all__ = ["Served", "leftovers", "read_served"]

PAGE = 1000
DEPTH = 100_000  # entries of the stream that are looked through for a journey, newest first


class Served(msgspec.Struct):
    """One customer in one lifecycle.

    Args:
        lifecycle: Name of the lifecycle.
        fields: The hash without the sink's own field.
        rank: Place among all customers by churn risk, 1 is the most endangered; ``None`` without a risk.
        journey: Recent stage changes from the stream, oldest first.
    """

    lifecycle: str
    fields: dict[str, str]
    rank: int | None
    journey: list[dict[str, Any]]


async def read_served(
    client: AsyncRedis, keys: RedisKeys, lifecycle: str, customer: str, steps: int
) -> Served | None:
    """Reads everything that Redis serves for *customer* in one lifecycle.

    Args:
        client: Redis.
        keys: Key names of the lifecycle.
        lifecycle: Its name.
        customer: Customer id.
        steps: Most stage changes to return.

    Returns:
        ``None`` for a customer who is not known.

    Raises:
        RedisUnavailable: Redis does not answer.
    """
    with telling_redis(f"customer {customer} cannot be read"):
        found: Any = await client.hgetall(keys.customer(customer))
        if b"stage" not in found:
            return None
        rank: Any = await client.zrevrank(keys.risks, customer)
        journey = await _journey(client, keys.changes, customer, steps)
    fields = {name.decode(): value.decode() for name, value in found.items() if name != b"_sink"}
    return Served(lifecycle, fields, None if rank is None else int(rank) + 1, journey)


async def _journey(client: AsyncRedis, stream: str, customer: str, steps: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    newest: Any = "+"
    for _ in range(0, DEPTH, PAGE):
        page: Any = await client.xrevrange(stream, max=newest, count=PAGE)
        for _, fields in page:
            body = orjson.loads(fields[b"payload"])
            if body["customer_id"] == customer:
                found.append(body)
        if len(page) < PAGE or len(found) >= steps:
            break
        newest = b"(" + page[-1][0]
    return found[:steps][::-1]


async def leftovers(client: AsyncRedis, keys: RedisKeys, customer: str) -> list[str]:
    """Names of the keys that still hold something of *customer*, the stream apart."""
    found = []
    if await client.exists(keys.customer(customer)):
        found.append(keys.customer(customer))
    if await client.zscore(keys.risks, customer) is not None:
        found.append(keys.risks)
    if await client.hexists(keys.alert_details, customer):
        found.append(keys.alert_details)
    return found

"""Churn alerts in Redis: which stand, what they say, and who takes care of them.

Every write is repeatable and compares versions, so records may come again, in whatever batch.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec
import orjson

from state import parse_instant
from stream_app import redis_scripts
from stream_app.redis_connection import AsyncRedis, telling_redis
from stream_app.redis_keys import RedisKeys, keys_of

__all__ = ["Alert", "AlertBook"]

_RESOLVED_KEPT = 10_000
_PATIENCE = 2.0
_PAGE = 500


class Alert(msgspec.Struct):
    """One alert as it stands in Redis.

    Attributes:
        fields: The payload of ``lifecycle.churn-alerts``.
        acknowledged: Who takes care of it, since when, with which note; None while nobody does.
    """

    fields: dict[str, Any]
    acknowledged: dict[str, str] | None = None


class AlertBook:
    """The alerts of all lifecycles.

    Args:
        client: From :func:`stream_app.redis_connection.connect`; stays the caller's to close.
        prefix: Key prefix.
        lifecycles: Names of the configured lifecycles in order.
    """

    def __init__(self, client: AsyncRedis, prefix: str, lifecycles: Sequence[str]) -> None:
        self._client = client
        self._keys = keys_of(prefix, lifecycles)

    async def write(self, records: Sequence[bytes | None]) -> None:
        """Bring records of the topic into Redis, in order; what is none of ours is passed over.

        Raises:
            RedisUnavailable: Redis does not answer; write the same again later.
        """
        calls: dict[str, list[Any]] = {}
        for record in records:
            row = _row(record)
            if row is not None and row[0] in self._keys:
                calls.setdefault(row[0], []).extend(row[1:])
        with telling_redis("churn alerts are not taken"):
            for lifecycle, rows in calls.items():
                keys = self._keys[lifecycle].alert_keys
                async with asyncio.timeout(_PATIENCE):
                    await self._client.eval(
                        redis_scripts.source("alerts"), len(keys), *keys, _RESOLVED_KEPT, *rows
                    )

    async def standing(self, lifecycle: str, most: int, *, waiting: bool = False) -> list[Alert]:
        """The alerts that stand in one lifecycle, the newest first; with *waiting* those that nobody has acknowledged."""
        keys, found, first = self._keys[lifecycle], list[Alert](), 0
        page = max(most, _PAGE) if waiting else most
        with telling_redis("the churn alerts cannot be read"):
            while len(found) < most:
                names: Any = await self._client.zrevrange(keys.alerts, first, first + page - 1)
                read = await self._read(keys, names) if names else []
                found += [alert for alert in read if not (waiting and alert.acknowledged)]
                if len(names) < page or not waiting:
                    break
                first += page
        return found[:most]

    async def find(self, lifecycle: str, customer: str) -> Alert | None:
        """The last alert about a customer that Redis still has."""
        with telling_redis(f"the alert about {customer} cannot be read"):
            found = await self._read(self._keys[lifecycle], [customer.encode()])
        return found[0] if found else None

    async def acknowledge(self, lifecycle: str, customer: str, by: str, at: str, note: str) -> bool:
        """Note who takes care of an alert; False if none stands."""
        keys = self._keys[lifecycle]
        told = orjson.dumps({"by": by, "at": at, "note": note})
        with telling_redis(f"the alert about {customer} is not acknowledged"):
            if await self._client.zscore(keys.alerts, customer) is None:
                return False
            await self._client.hset(keys.alert_acknowledgements, customer, told)
        return True

    async def _read(self, keys: RedisKeys, names: Sequence[bytes]) -> list[Alert]:
        pipeline = self._client.pipeline(transaction=False)
        pipeline.hmget(keys.alert_details, names)
        pipeline.hmget(keys.alert_acknowledgements, names)
        details, taken = await pipeline.execute()
        return [
            Alert(orjson.loads(detail), orjson.loads(known) if known else None)
            for detail, known in zip(details, taken, strict=True)
            if detail
        ]


def _row(record: bytes | None) -> tuple[Any, ...] | None:
    """Lifecycle, then the arguments of the script; None for what is no alert."""
    try:
        told = orjson.loads(record or b"")
        at = told.get("raised_at") if told["status"] == "raised" else told.get("event_time")
        seconds = parse_instant(at) / 1e6 if at else 0
        return told["lifecycle"], told["customer_id"], told["status"], told["version"], seconds, record
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError, ValueError):
        return None

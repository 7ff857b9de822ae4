"""Rebuilding Redis from the workers' tables: asking for it, watching it, and checking what came of it."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from time import monotonic
from typing import Any
from uuid import uuid4

import msgspec
import orjson

from stream_app.control import Control
from stream_app.errors import Misconfigured, Unavailable, WorkFailed
from stream_app.redis_connection import AsyncRedis, telling_redis
from stream_app.redis_keys import RedisKeys
from stream_app.redis_sink import RedisSink

__all__ = ["Republished", "republish_all"]

CHECKED = 10_000  # customers whose hashes are looked at afterwards
PAGE = 500
_NAME_THEM = "republished, but not checked; name the workers' lifecycles, in their order, with --lifecycle"


class Republished(msgspec.Struct):
    """What a republish did.

    Args:
        partitions: Partitions that answered.
        states: States that the workers sent, of all lifecycles.
        checked: States of customers whose hash was compared afterwards.
        customers: By lifecycle, customers in the stage counts afterwards.
    """

    partitions: int = 0
    states: int = 0
    checked: int = 0
    customers: dict[str, int] = {}


class _Heard(msgspec.Struct):
    """What the workers said.

    Args:
        told: States by lifecycle.
        expected: Versions of some customers, by lifecycle and id, that Redis must hold.
        ends: By partition the offset of the record that ends it.
    """

    told: Counter[str] = msgspec.field(default_factory=Counter)
    expected: dict[tuple[str, str], int] = {}
    ends: dict[int, int] = {}

    def take(self, body: Mapping[str, Any], keys: Mapping[str, RedisKeys]) -> None:
        """Counts a state; it is expected in Redis if its lifecycle has a place there."""
        lifecycle = body["lifecycle"]
        self.told[lifecycle] += 1
        if lifecycle in keys and len(self.expected) < CHECKED:
            self.expected[lifecycle, body["customer_id"]] = body["version"]


async def republish_all(
    workers: Control,
    client: AsyncRedis,
    sink: RedisSink,
    keys: Mapping[str, RedisKeys],
    timeout_s: float,
    progress: Callable[[int, int, int], None],
) -> Republished:
    """Has every partition republished and waits until Redis holds it.

    Args:
        workers: Attending to all partitions.
        client: Redis.
        sink: Knows how far Redis has come.
        keys: Key names by lifecycle.
        timeout_s: Longest silence, in seconds, before this gives up.
        progress: Called with partitions done, partitions in all, and states so far.

    Raises:
        Unavailable: No worker answers, or Redis does not.
        Misconfigured: The workers publish other lifecycles than *keys* has: what came of them cannot be looked at.
        WorkFailed: Redis does not hold afterwards what the workers sent.
    """
    heard = await _hear_all(workers, keys, timeout_s, progress)
    _refuse_other_lifecycles(heard.told, keys)
    await _until_applied(sink, heard.ends, timeout_s)
    result = Republished(len(workers.partitions), heard.told.total(), len(heard.expected))
    with telling_redis("the republished state cannot be checked"):
        missing = await _missing(client, keys, heard.expected)
        for name, one in keys.items():
            result.customers[name] = sum(int(n) for n in (await client.hgetall(one.counts)).values())
    if missing:
        raise WorkFailed(
            f"Redis lacks {len(missing)} of {result.checked} republished customers, {missing[0]!r} is one: "
            "see the worker's log and republish again"
        )
    return result


async def _hear_all(
    workers: Control,
    keys: Mapping[str, RedisKeys],
    timeout_s: float,
    progress: Callable[[int, int, int], None],
) -> _Heard:
    """Asks, and listens until every partition has said that it is through."""
    nonce = uuid4().hex
    await workers.ask({"republish": nonce})
    waiting, heard = set(workers.partitions), _Heard()
    mark, last = nonce.encode(), monotonic()
    while waiting:
        for record in await workers.hear():
            headers = dict(record.headers)
            if headers.get("republish-end") == mark:
                waiting.discard(record.partition)
                heard.ends[record.partition] = record.offset
            elif headers.get("republish") == mark:
                heard.take(orjson.loads(record.value), keys)
            elif headers.get("republish-begin") != mark:
                continue
            last = monotonic()
        progress(len(workers.partitions) - len(waiting), len(workers.partitions), heard.told.total())
        if waiting and monotonic() - last > timeout_s:
            raise Unavailable(
                f"no worker answers for partition {', '.join(map(str, sorted(waiting)))}: nothing came for "
                f"{timeout_s:g} s; start `lifecycle worker`, or wait longer with --timeout"
            )
    return heard


def _refuse_other_lifecycles(told: Counter[str], keys: Mapping[str, RedisKeys]) -> None:
    """Names of keys follow from the lifecycles: what is looked for under others would never be there, or prove nothing."""
    if foreign := sorted(told.keys() - keys.keys()):
        raise Misconfigured(
            f"the workers publish {', '.join(foreign)}, but configured here is {', '.join(keys)}: {_NAME_THEM}"
        )
    if told and (silent := [name for name in keys if name not in told]):
        raise Misconfigured(
            f"the workers publish {', '.join(sorted(told))}, but not {', '.join(silent)}, which is configured "
            f"here: {_NAME_THEM}"
        )


async def _until_applied(sink: RedisSink, ends: Mapping[int, int], timeout_s: float) -> None:
    patience = monotonic() + timeout_s
    for partition, end in ends.items():
        # The offset, and not the nonce: a worker that noticed a loss may have republished once more since.
        while await sink.applied(partition) < end:
            if monotonic() > patience:
                raise Unavailable(
                    f"the workers have republished, but Redis has not taken partition {partition} within "
                    f"{timeout_s:g} s: see the worker's log, and whether the lifecycles are the worker's, in its order"
                )
            await asyncio.sleep(0.1)


async def _missing(
    client: AsyncRedis, keys: Mapping[str, RedisKeys], expected: Mapping[tuple[str, str], int]
) -> list[str]:
    missing = []
    wanted = list(expected)
    for at in range(0, len(wanted), PAGE):
        part = wanted[at : at + PAGE]
        pipeline = client.pipeline(transaction=False)
        for lifecycle, customer in part:
            pipeline.hget(keys[lifecycle].customer(customer), "version")
        held = await pipeline.execute()
        missing += [
            one[1] for one, version in zip(part, held, strict=True) if int(version or -1) < expected[one]
        ]
    return missing

"""Rebuilding Redis from the workers' tables: asking for it, watching it, and checking what came of it."""

import asyncio
from collections.abc import Callable, Mapping
from time import monotonic
from uuid import uuid4

import msgspec
import orjson

from stream_app.control import Control
from stream_app.errors import Unavailable, WorkFailed
from stream_app.redis_connection import AsyncRedis, telling_redis
from stream_app.redis_keys import RedisKeys
from stream_app.redis_sink import RedisSink

__all__ = ["Republished", "republish_all"]

CHECKED = 10_000  # customers whose hashes are looked at afterwards
PAGE = 500


class Republished(msgspec.Struct):
    """What a republish did.

    Args:
        partitions: Partitions that answered.
        states: States that the workers sent, of all lifecycles.
        checked: Customers whose hash was compared afterwards.
        customers: By lifecycle, customers in the stage counts afterwards.
    """

    partitions: int = 0
    states: int = 0
    checked: int = 0
    customers: dict[str, int] = {}


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
        WorkFailed: Redis does not hold afterwards what the workers sent.
    """
    expected, ends = await _hear_all(workers, timeout_s, progress, result := Republished())
    await _until_applied(sink, ends, timeout_s)
    with telling_redis("the republished state cannot be checked"):
        missing = await _missing(client, keys, expected)
        for name, one in keys.items():
            result.customers[name] = sum(int(n) for n in (await client.hgetall(one.counts)).values())
    result.checked = len(expected)
    if missing:
        raise WorkFailed(
            f"Redis lacks {len(missing)} of {len(expected)} republished customers, {missing[0]!r} is one: "
            "see the worker's log and republish again"
        )
    return result


async def _hear_all(
    workers: Control,
    timeout_s: float,
    progress: Callable[[int, int, int], None],
    result: Republished,
) -> tuple[dict[tuple[str, str], int], dict[int, int]]:
    """Asks, and listens until every partition has said that it is through.

    Returns:
        Versions of some customers, and by partition the offset of the record that ends it.
    """
    nonce = uuid4().hex
    await workers.ask({"republish": nonce})
    waiting, expected = set(workers.partitions), dict[tuple[str, str], int]()
    ends = dict[int, int]()
    mark, heard = nonce.encode(), monotonic()
    while waiting:
        for record in await workers.hear():
            headers = dict(record.headers)
            if headers.get("republish-end") == mark:
                waiting.discard(record.partition)
                ends[record.partition] = record.offset
            elif headers.get("republish") == mark:
                result.states += 1
                if len(expected) < CHECKED:
                    body = orjson.loads(record.value)
                    expected[body["lifecycle"], body["customer_id"]] = body["version"]
            elif headers.get("republish-begin") != mark:
                continue
            heard = monotonic()
        progress(len(workers.partitions) - len(waiting), len(workers.partitions), result.states)
        if waiting and monotonic() - heard > timeout_s:
            raise Unavailable(
                f"no worker answers for partition {', '.join(map(str, sorted(waiting)))}: nothing came for "
                f"{timeout_s:g} s; start `lifecycle worker`, or wait longer with --timeout"
            )
    result.partitions = len(workers.partitions)
    return expected, ends


async def _until_applied(sink: RedisSink, ends: Mapping[int, int], timeout_s: float) -> None:
    patience = monotonic() + timeout_s
    for partition, end in ends.items():
        # The offset, and not the nonce: a worker that noticed a loss may have republished once more since.
        while await sink.applied(partition) < end:
            if monotonic() > patience:
                raise Unavailable(
                    f"the workers have republished, but Redis has not taken partition {partition} within "
                    f"{timeout_s:g} s: see the worker's log"
                )
            await asyncio.sleep(0.1)


async def _missing(
    client: AsyncRedis, keys: Mapping[str, RedisKeys], expected: Mapping[tuple[str, str], int]
) -> list[str]:
    missing = []
    wanted = [(lifecycle, customer) for lifecycle, customer in expected if lifecycle in keys]
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

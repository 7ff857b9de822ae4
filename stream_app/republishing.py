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
    keys: Mapping[str, RedisKeys],
    timeout_s: float,
    progress: Callable[[int, int, int], None],
) -> Republished:
    """Has every partition republished and waits until Redis holds it.

    Args:
        workers: Attending to all partitions.
        client: Redis.
        keys: Key names by lifecycle.
        timeout_s: Longest silence, in seconds, before this gives up.
        progress: Called with partitions done, partitions in all, and states so far.

    Raises:
        Unavailable: No worker answers, or Redis does not.
        WorkFailed: Redis does not hold afterwards what the workers sent.
    """
    nonce = uuid4().hex
    expected = await _hear_all(workers, nonce, timeout_s, progress, result := Republished())
    with telling_redis("the republished state cannot be checked"):
        await _until_applied(workers, client, keys, nonce, timeout_s)
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
    nonce: str,
    timeout_s: float,
    progress: Callable[[int, int, int], None],
    result: Republished,
) -> dict[tuple[str, str], int]:
    """Asks, and listens until every partition has said that it is through; versions of some customers."""
    await workers.ask({"republish": nonce})
    waiting, expected = set(workers.partitions), dict[tuple[str, str], int]()
    mark, heard = nonce.encode(), monotonic()
    while waiting:
        for record in await workers.hear():
            headers = dict(record.headers)
            if headers.get("republish-end") == mark:
                waiting.discard(record.partition)
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
    return expected


async def _until_applied(
    workers: Control, client: AsyncRedis, keys: Mapping[str, RedisKeys], nonce: str, timeout_s: float
) -> None:
    patience = monotonic() + timeout_s
    for one in keys.values():
        for partition in workers.partitions:
            while await client.hget(one.ledger(partition), "republished") != nonce.encode():
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

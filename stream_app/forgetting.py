"""Forgetting a customer everywhere: asking the worker for it, and looking whether it is so."""

import asyncio
from collections.abc import Mapping
from time import monotonic
from uuid import uuid4

import msgspec

from state import Profile, decode_profile
from stream_app.control import Control
from stream_app.errors import Unavailable, WorkFailed
from stream_app.redis_connection import AsyncRedis, telling_redis
from stream_app.redis_erasure import entries_of
from stream_app.redis_keys import RedisKeys
from stream_app.served import leftovers

__all__ = ["Forgotten", "forget_customer"]


class Forgotten(msgspec.Struct):
    """The proof of an erasure.

    Args:
        customer: Customer id.
        partition: Partition of the customer.
        known: Whether the table had a profile.
        redis_keys: Redis keys that were looked at and hold nothing of the customer.
        changelog_version: Version in the closed value that is the newest in the changelog; ``None`` if the
            table has never known the customer.
    """

    customer: str
    partition: int
    known: bool
    redis_keys: list[str]
    changelog_version: int | None


async def forget_customer(
    workers: Control,
    client: AsyncRedis,
    keys: Mapping[str, RedisKeys],
    changelog: str,
    customer: str,
    timeout_s: float,
) -> Forgotten:
    """Has *customer* forgotten and proves it.

    Args:
        workers: Attending to the customer's partition.
        client: Redis.
        keys: Key names by lifecycle.
        changelog: Name of the profile table's changelog topic.
        customer: Customer id.
        timeout_s: Seconds to wait for the worker, and again for Redis.

    Raises:
        Unavailable: No worker answers, or Redis does not.
        WorkFailed: Something of the customer is still there.
    """
    (partition,) = workers.partitions
    await _ask(workers, customer, timeout_s)
    with telling_redis("the erasure cannot be checked"):
        left = await _left_after(client, keys, customer, timeout_s)
    if left:
        raise WorkFailed(
            f"Redis still holds something of {customer!r} in {', '.join(left)}: is it sending events?"
        )
    value = await workers.stored(changelog, partition, customer.encode())
    profile = None if value is None else decode_profile(value)
    if profile is not None and not is_closed(profile):
        raise WorkFailed(
            f"the newest record of {customer!r} in {changelog} is no closed value: is it sending events?"
        )
    version = (
        None if profile is None else max((standing.version for standing in profile.standings), default=0)
    )
    looked_at = [
        name
        for one in keys.values()
        for name in (one.customer(customer), one.risks, one.changes, one.alert_details)
    ]
    return Forgotten(customer, partition, profile is not None, looked_at, version)


def is_closed(profile: Profile) -> bool:
    """Whether a profile says nothing of its customer but versions and offsets.

    Examples:
        >>> is_closed(Profile()), is_closed(Profile(counts=[1]))
        (True, False)
    """
    told = (*profile.counts, *profile.first, *profile.last, profile.evaluated_at)
    kept = (profile.hours, profile.days, profile.orders, profile.sessions, profile.seen, profile.seen_visits)
    placed = any(standing.stage >= 0 for standing in profile.standings)
    identity = profile.identity
    known_by = identity is not None and (identity.moved_to or identity.links or identity.kept)
    return not (any(told) or any(kept) or placed or profile.pending or known_by)


async def _ask(workers: Control, customer: str, timeout_s: float) -> None:
    nonce = uuid4().hex
    await workers.ask({"erase": customer, "nonce": nonce})
    patience = monotonic() + timeout_s
    while monotonic() < patience:
        for record in await workers.hear():
            if record.key == customer.encode() and "erase" in dict(record.headers):
                return
    raise Unavailable(
        f"no worker answers for partition {workers.partitions[0]} within {timeout_s:g} s; the request "
        "stands and is done when one starts: start `lifecycle worker` and ask again for the proof"
    )


async def _left_after(
    client: AsyncRedis, keys: Mapping[str, RedisKeys], customer: str, timeout_s: float
) -> list[str]:
    patience = monotonic() + timeout_s
    while True:
        left = [name for one in keys.values() for name in await leftovers(client, one, customer)]
        left += [one.changes for one in keys.values() if await entries_of(client, one.changes, customer)]
        if not left or monotonic() > patience:
            return left
        await asyncio.sleep(0.2)

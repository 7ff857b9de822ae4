"""The changelog of the profile table: what a value looks like, and how a partition is read back.

A value begins with the epoch of the owner that wrote it, four bytes. Whoever takes a partition over announces a new
epoch (one above all seen) before it writes anything else; a record of an older epoch that comes later in the log was
written by an owner that did not know that it had lost the partition, and is passed over. Kafka does not fence
producers without transactions, so the log itself says who was entitled.

Compaction knows nothing of this: it keeps the last record of a key, also a stale one, and deletes the one that counts. So an
announcement is followed by the values of all keys whose last record was passed over (`restated`).
"""

from collections.abc import Mapping
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition

from state import FAR, Profile, encode_profile
from stream_app.profile_store import OWN
from stream_app.worker.bare_records import bare
from stream_app.worker.stores import TableStore

__all__ = ["EPOCH_KEY", "read_partition", "restated", "stamped"]

log = structlog.get_logger(__name__)

EPOCH_KEY = b"\xff\xffepoch"
_EPOCH_BYTES = 4
#: Records between two chances for others. A whole fetch at once would be slower, and its memory not be given back.
_AT_ONCE = 2000


def stamped(epoch: int, value: bytes) -> bytes:
    r"""A changelog value: the owner's epoch, then the stored bytes.

    Examples:
        >>> stamped(1, b"profile")
        b'\x00\x00\x00\x01profile'
    """
    return epoch.to_bytes(_EPOCH_BYTES, "big") + value


def absorb(store: TableStore, records: list[Any]) -> int:
    """Apply changelog records in log order; returns how many stale ones were passed over."""
    stale, passed_over = 0, store.passed_over
    values: dict[bytes, bytes] = {}
    for record in records:
        value = record.value
        if value is None or len(value) < _EPOCH_BYTES:
            continue
        epoch = int.from_bytes(value[:_EPOCH_BYTES], "big")
        if epoch < store.epoch:
            stale += 1
            passed_over.add(record.key)
            continue
        store.epoch = epoch
        if passed_over:
            passed_over.discard(record.key)
        if record.key != EPOCH_KEY:
            values[record.key] = value[_EPOCH_BYTES:]
    for key, latest in values.items():
        store.put(key, latest)
    if records:
        store.acknowledge(values, records[-1].offset + 1)
    return stale


def restated(store: TableStore) -> dict[bytes, bytes]:
    """What the next epoch has to begin with: the values of the keys whose last record in the changelog is a stale one.

    A customer of whom nothing but that record was written is nobody: what it says must not count when it is read alone.
    """
    nobody = encode_profile(Profile(anonymous=True, due=FAR))
    found = {key: store.get(key) for key in sorted(store.passed_over)}
    store.passed_over.clear()
    return {
        key: nobody if value is None else value
        for key, value in found.items()
        if value is not None or not key.startswith(OWN)
    }


async def read_partition(options: Mapping[str, Any], topic: str, stores: Mapping[int, TableStore]) -> int:
    """Bring stores up to the end of their changelog partitions, reading in runs.

    The end is a position, not a record: a tail that was compacted away or holds no record at all ends as well.

    Args:
        options: Connection options of the client.
        topic: The changelog topic.
        stores: By partition; each is read from its `position`.

    Returns:
        Records read.
    """
    consumer = AIOKafkaConsumer(
        enable_auto_commit=False, auto_offset_reset="earliest", max_partition_fetch_bytes=4 << 20, fetch_max_wait_ms=100,
        **options,
    )  # fmt: skip
    await consumer.start()
    bare(consumer)
    try:
        partitions = {TopicPartition(topic, partition): partition for partition in stores}
        consumer.assign(list(partitions))
        begin = await consumer.beginning_offsets(list(partitions))
        ends = await consumer.end_offsets(list(partitions))
        left = set()
        for tp, partition in partitions.items():
            store = stores[partition]
            start = _start(tp, store, begin[tp], ends[tp])
            if start < ends[tp]:
                consumer.seek(tp, start)
                left.add(tp)
        consumer.pause(*(set(partitions) - left))
        return await _read(consumer, left, ends, partitions, stores)
    finally:
        await consumer.stop()


def _start(tp: TopicPartition, store: TableStore, begin: int, end: int) -> int:
    """Where to read on; a store from another life of the topic is discarded."""
    if store.position and not begin <= store.position <= end:
        log.warning(
            "stored profiles do not belong to this changelog, they are rebuilt", topic=tp.topic, partition=tp.partition,
            position=store.position, begin=begin, end=end,
        )  # fmt: skip
        store.clear()
    if store.position < begin:
        store.acknowledge({}, begin)
    return store.position


async def _read(consumer: AIOKafkaConsumer, left: set[Any], ends: Any, partitions: Any, stores: Any) -> int:
    read = 0
    while left:
        fetched = await consumer.getmany(*left, timeout_ms=200, max_records=_AT_ONCE)
        for tp, records in fetched.items():
            read += len(records)
            absorb(stores[partitions[tp]], records)
        for tp in list(left):
            position = await consumer.position(tp)
            if position >= ends[tp]:
                stores[partitions[tp]].acknowledge({}, position)  # the tail may hold no record
                left.discard(tp)
                consumer.pause(tp)
    return read

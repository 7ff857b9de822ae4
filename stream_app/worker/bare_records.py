"""Records as they lie in a fetched batch, without the copy that aiokafka makes of each.

The copy, a frozen dataclass with eleven fields, costs several times what reading the record does, and so do the three
calls by which it comes. A bare record has offset, timestamp, timestamp_type, key, value, headers and checksum; it does not
repeat topic and partition. One with a header whose name is no UTF-8 is read like the others.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.consumer import fetcher as client
from aiokafka.consumer.fetcher import FetchResult, PartitionRecords
from aiokafka.errors import CorruptRecordException
from aiokafka.record.memory_records import MemoryRecords

from stream_app.worker.header_names import legible

__all__ = ["bare"]


def bare(consumer: AIOKafkaConsumer) -> None:
    """Let a started *consumer* hand out bare records from now on.

    What its `getmany` gives is as before but for the type of the records; `getone` is not served.
    """
    fetcher = consumer._fetcher  # noqa: SLF001 - the client has no other way
    process = fetcher._proc_fetch_request  # noqa: SLF001

    async def processed(*request: Any) -> bool:
        needs_wakeup: bool = await process(*request)
        for result in fetcher._records.values():  # noqa: SLF001
            if isinstance(result, FetchResult) and isinstance(result._partition_records, PartitionRecords):  # noqa: SLF001
                result._partition_records = _BareRecords(result._partition_records)  # noqa: SLF001
        return needs_wakeup

    fetcher._proc_fetch_request = processed  # noqa: SLF001


class _Batches:
    """The batches of a fetch, which the client forgets as bytes when it has begun to read them.

    Args:
        fetched: As they came from the broker.
    """

    __slots__ = ("fetched", "has_next", "next_batch", "size_in_bytes")

    def __init__(self, fetched: bytes) -> None:
        self.fetched = fetched
        read = MemoryRecords(fetched)
        self.has_next, self.next_batch = read.has_next, read.next_batch
        self.size_in_bytes = read.size_in_bytes


# Before any consumer has fetched; whoever reads without `bare` notices nothing.
client.MemoryRecords = _Batches


class _BareRecords:
    """Stands in for the client's `PartitionRecords`, of which `FetchResult.getall` asks no more than this.

    Args:
        fetched: As the client has made it, and not begun to read.

    Attributes:
        next_fetch_offset: Where to read on: behind the last record that was read, and behind what is no record.
    """

    def __init__(self, fetched: PartitionRecords) -> None:
        self._batches = fetched._records  # noqa: SLF001
        self._check_crcs = fetched._check_crcs  # noqa: SLF001
        self.next_fetch_offset = fetched.next_fetch_offset
        self._unread = self._read()

    def __iter__(self) -> Iterator[Any]:
        return self._unread  # goes on where it was left

    def _read(self) -> Iterator[Any]:
        while self._batches.has_next():
            batch = self._batches.next_batch()
            if self._check_crcs and not batch.validate_crc():
                raise CorruptRecordException("a fetched batch does not have the checksum that it carries")
            if not batch.is_control_batch:
                try:
                    yield from self._unread_of(batch)
                except UnicodeDecodeError:
                    yield from self._unread_of(legible(self._batches.fetched, batch.base_offset))
            self.next_fetch_offset = batch.next_offset  # its last records may have been compacted away

    def _unread_of(self, batch: Iterable[Any]) -> Iterator[Any]:
        for record in batch:
            if record.offset >= self.next_fetch_offset:  # a batch may begin before what was asked for
                self.next_fetch_offset = record.offset + 1
                yield record

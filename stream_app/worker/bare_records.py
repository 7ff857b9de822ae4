"""Records as they lie in a fetched batch, without the copy that aiokafka makes of each.

The copy, a frozen dataclass with eleven fields, costs several times what reading the record does. A bare record has
offset, timestamp, timestamp_type, key, value, headers and checksum; it does not repeat topic and partition.
"""

from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.consumer.fetcher import FetchResult

__all__ = ["bare"]


def bare(consumer: AIOKafkaConsumer) -> None:
    """Let a started *consumer* hand out bare records from now on.

    What its `getmany` gives is as before but for the type of the records.
    """
    fetcher = consumer._fetcher  # noqa: SLF001 - the client has no other way
    process = fetcher._proc_fetch_request  # noqa: SLF001

    async def processed(*request: Any) -> bool:
        needs_wakeup: bool = await process(*request)
        for result in fetcher._records.values():  # noqa: SLF001
            if isinstance(result, FetchResult) and result._partition_records is not None:  # noqa: SLF001
                result._partition_records._consumer_record = _as_it_is  # noqa: SLF001
        return needs_wakeup

    fetcher._proc_fetch_request = processed  # noqa: SLF001


def _as_it_is(_place: Any, record: Any) -> Any:
    return record

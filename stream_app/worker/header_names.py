"""Batches in which a header has a name that is no UTF-8.

Kafka's protocol says that names are text, and no broker checks it; who writes C can send any bytes. The client refuses to
read such a batch, and so whatever lies behind it, for ever.
"""

from collections.abc import Iterable
from typing import Any

from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.util import decode_varint

__all__ = ["legible"]

#: Where the length of a batch stands, which counts what comes behind it.
_LENGTH, _BEHIND_LENGTH = 8, 12
_UNREADABLE = ord("?")


def legible(fetched: bytes, base_offset: int) -> Iterable[Any]:
    """The records of one batch, with question marks for the bytes that are no ASCII in names that are no UTF-8.

    Args:
        fetched: Batches as they came from the broker.
        base_offset: Of the batch that is wanted.
    """
    at = 0
    while int.from_bytes(fetched[at : at + _LENGTH], "big") != base_offset:
        at += _size(fetched, at)
    batch: Any = _DefaultRecordBatchPy(fetched[at : at + _size(fetched, at)])
    records: Iterable[Any] = iter(batch)  # from here on it is no longer compressed
    place, data = batch._pos, batch._buffer  # noqa: SLF001 - the client has no other way
    for _ in range(batch._num_records):  # noqa: SLF001
        place = _spell(data, place)
    return records


def _size(fetched: bytes, at: int) -> int:
    return _BEHIND_LENGTH + int.from_bytes(fetched[at + _LENGTH : at + _BEHIND_LENGTH], "big")


def _spell(data: bytearray, place: int) -> int:
    """Make the names in the record at *place* legible; returns where the next record begins."""
    length: int
    length, place = decode_varint(data, place)
    end = place + length
    for _ in ("attributes", "timestamp", "offset"):
        _, place = decode_varint(data, place)
    for _ in ("key", "value"):
        place = _behind(data, place)
    count, place = decode_varint(data, place)
    for _ in range(count):
        size, place = decode_varint(data, place)
        name = bytes(data[place : place + size])
        try:
            name.decode()
        except UnicodeDecodeError:
            data[place : place + size] = bytes(byte if byte < 0x80 else _UNREADABLE for byte in name)
        place = _behind(data, place + size)
    return end


def _behind(data: bytearray, place: int) -> int:
    """Where what has a length in front, or is missing (-1), ends."""
    size: int
    size, place = decode_varint(data, place)
    return place + max(size, 0)

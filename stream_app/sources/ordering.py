"""Puts a source into event-time order, whatever its size, in bounded memory."""

import heapq
import itertools
import tempfile
from collections.abc import Iterable, Iterator
from operator import itemgetter
from typing import IO

import msgspec

from stream_app.sources.record import Record

RUN = 1_000_000
"""Records sorted in memory at once, about 400 MB; runs of a longer source wait in a temporary file."""

_at = itemgetter(0)


def in_event_time(records: Iterable[Record], run: int = RUN) -> Iterator[Record]:
    """Yield the records by event time; records of the same instant keep their order in the source.

    Args:
        records: Any order.
        run: How many to sort in memory at once.

    Examples:
        >>> late, early = Record(2, "email", "a", b"1"), Record(1, "email", "a", b"2")
        >>> [record.at for record in in_event_time([late, early, late], run=2)]
        [1, 2, 2]
    """
    source = iter(records)
    first = sorted(itertools.islice(source, run), key=_at)
    following = next(source, None)
    if following is None:
        yield from first
        return
    source = itertools.chain([following], source)
    with tempfile.TemporaryFile(prefix="lifecycle-sort-") as file:
        runs = [_spill(file, first)]
        del first
        while chunk := sorted(itertools.islice(source, run), key=_at):
            runs.append(_spill(file, chunk))
        # merge is stable between its inputs: an earlier run comes first among equals
        yield from heapq.merge(*(_spilled(file, start, end) for start, end in runs), key=_at)


def _spill(file: IO[bytes], records: list[Record]) -> tuple[int, int]:
    start = file.tell()
    for index in range(0, len(records), _BLOCK):
        block = msgspec.msgpack.encode(records[index : index + _BLOCK])
        file.write(len(block).to_bytes(4, "big"))
        file.write(block)
    return start, file.tell()


def _spilled(file: IO[bytes], position: int, end: int) -> Iterator[Record]:
    while position < end:
        file.seek(position)
        size = int.from_bytes(file.read(4), "big")
        block = file.read(size)
        position = file.tell()
        yield from _decode(block)


_BLOCK = 1_000
_decode = msgspec.msgpack.Decoder(list[Record]).decode

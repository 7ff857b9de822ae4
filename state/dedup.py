"""Was this message folded before: the newest messages of a customer, as bytes.

A message is 12 bytes, 4 of the second of its event time and 8 of its hash, big-endian, so that the bytes sort
by time and one search through them answers. The newest by event time are kept, not the latest to arrive: only
so does the order of arrival leave no trace in the profile.
"""

import struct
from bisect import bisect_left
from typing import Final

_RECORD: Final = 12
_LAST_SECOND: Final = (1 << 32) - 1
_pack: Final = struct.Struct(">IQ").pack


def remember(seen: bytes, at: int, message: int, limit: int) -> bytes | None:
    """*seen* with the message added and the oldest beyond *limit* dropped; None if *seen* holds it already.

    Args:
        seen: What is remembered, sorted.
        at: Event time (µs).
        message: 64-bit hash of the messageId, which alone decides about a duplicate.
        limit: How many messages to remember, 0 remembers none.

    Examples:
        >>> seen = remember(b"", 5_000_000, 7, limit=2)
        >>> remember(seen, 5_000_000, 7, limit=2) is None, len(remember(seen, 4_000_000, 8, limit=2))
        (True, 24)
    """
    second = at // 1_000_000
    if not 0 <= second <= _LAST_SECOND:
        second = _LAST_SECOND if second > 0 else 0
    record = _pack(second, message)
    if not seen or not limit:
        return record[: limit * _RECORD]
    place = seen.find(record[4:])
    if place >= 0 and _holds(seen, record[4:], place):
        return None
    if record > seen[-_RECORD:]:
        seen += record
    else:
        entries = range(0, len(seen), _RECORD)
        before = _RECORD * bisect_left(entries, record, key=lambda start: seen[start : start + _RECORD])
        seen = seen[:before] + record + seen[before:]
    return seen if len(seen) <= limit * _RECORD else seen[-limit * _RECORD :]


def _holds(seen: bytes, message: bytes, place: int) -> bool:
    """Whether *message* stands in *seen* as a whole entry, at *place* or later, not across two entries."""
    while place >= 0 and place % _RECORD != 4:
        place = seen.find(message, place + 1)
    return place >= 0

"""Reader of JSON Lines in the wire format: the lines are passed on byte for byte.

A line that the worker would reject is passed on as it is, so that the worker makes it a dead letter with its
reason. It moves no time: it stands at the time of the line before it, and a timestamp in 2099 does not make a
replay jump there.
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from state.events import LONGEST_ID, Bounds, decode
from state.measures import MeasureMap
from state.rejection import Rejected
from stream_app.sources.record import Reading, Record
from stream_app.sources.tabular import MALFORMED_TOPIC


class _Glance(msgspec.Struct):
    """What can still be read of a rejected line: enough to send it to where its customer's events go."""

    userId: Any = None  # noqa: N815 - the wire's name
    anonymousId: Any = None  # noqa: N815 - the wire's name
    type: Any = None
    event: Any = None
    specversion: Any = None


_glance = msgspec.json.Decoder(_Glance).decode


def read(lines: Iterator[bytes], reading: Reading, kinds: MeasureMap, bounds: Bounds) -> Iterator[Record]:
    """Yield a record for each line that is not blank.

    Args:
        lines: Without their line ends.
        reading: Gets the count of lines that the worker will reject.
        kinds: The event names that count as something.
        bounds: What the worker rejects.
    """
    at = 0
    for line in lines:
        if not line.strip():
            continue
        try:
            event = decode(line, None, kinds, bounds, reading.received_at)
        except Rejected:
            reading.malformed += 1
            yield _rejected(line, at, reading)
        else:
            at = event.at
            seen = _glance(line)
            # an event in a CloudEvents envelope has its name elsewhere: there its kind knows the topic
            topic = reading.topic_of(*_name(seen)) if seen.specversion is None else event.kind.topic
            yield Record(at, topic, event.customer, line)


def _name(seen: _Glance) -> tuple[str, str]:
    return str(seen.type or "track"), str(seen.event or "")


def _rejected(line: bytes, at: int, reading: Reading) -> Record:
    try:
        seen = _glance(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Record(at, MALFORMED_TOPIC, "", line)
    named = (one for one in (seen.userId, seen.anonymousId) if isinstance(one, str | int) and one)
    customer = str(next(named, ""))[:LONGEST_ID]
    return Record(at, reading.topic_of(*_name(seen)), customer, line)

"""What a reader yields: an event as the bytes that Kafka carries, and what orders and routes it."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from stream_app.errors import WorkFailed

TopicOf = Callable[[str, str], str]
"""Topic short name (`purchases`, `email`, …) of an event's `type` and `event` name."""


class Record(NamedTuple):
    """One event of a source.

    Args:
        at: Event time in microseconds since 1970 UTC; of a line whose time cannot be read, the time of the
            line before.
        topic: Short name of the topic that it belongs to, such as `purchases`.
        customer: The Kafka key; empty if the line names nobody, which makes it a dead letter later.
        value: The wire format, byte for byte as it is sent.
    """

    at: int
    topic: str
    customer: str
    value: bytes


class SourceUnreadable(WorkFailed):
    """A source is missing, is not of the format that was asked for, or ends in the middle of its compression.

    Operator action: check the path and `--format`; the message names the file, the line and what was
    expected.
    """


@dataclass(slots=True)
class Reading:
    """What a reader is told, and what it has to tell besides its records.

    Args:
        name: The file, for messages.
        topic_of: Chooses the topic of an event.
        received_at: Processing time in microseconds since 1970 UTC, against which "in the future" is
            measured.
        dropped: Rows that were left out on purpose, by reason; shown in every summary, so that nothing is
            lost silently.
        malformed: Rows that cannot be read, and are passed on as they are, or that the worker rejects: they become
            dead letters.
        read: Records so far.
        refuses: Whether the worker will reject what a row has become: a dead letter moves no time.
    """

    name: str
    topic_of: TopicOf
    received_at: int
    dropped: Counter[str] = field(default_factory=Counter)
    malformed: int = 0
    read: int = 0
    refuses: Callable[[bytes], bool] = lambda _value: False

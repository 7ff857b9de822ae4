"""What goes to Kafka for an event: a record of a source topic, or a dead letter; and the records of a request together."""

from typing import Any, Final, NamedTuple

import msgspec

from state import Rejected
from stream_app.topics import LARGEST_LETTER

DEAD_LETTERS: Final = "dead-letters"
_OWN: Final = 16 * 1024
_LONGEST_SENTENCE: Final = 2_000
Headers = list[tuple[str, bytes]]
NO_HEADERS: Final[Headers] = []


class Outgoing(NamedTuple):
    """A record to be sent.

    Attributes:
        topic: Short name of the topic.
        key: The customer id's bytes; empty for a dead letter, which may go to any partition.
        value: The event.
        headers: Kafka headers.
    """

    topic: str
    key: bytes
    value: bytes
    headers: Headers = NO_HEADERS


class Load:
    """The records of a request, column by column: there is no object for each to be made, and found again when it departs.

    Args:
        topics: Of each record, as in `Outgoing`, like the others.
        keys: Of each record.
        values: Of each record; as `msgspec.Raw` it is a part of a larger text, which lives as long as any of its parts.
        headers: Of each record.
        size: Bytes of the values.

    Examples:
        >>> load = Load([], [], [], [], 0)
        >>> load.add(Outgoing("clickstream", b"u1", b"{}"))
        >>> len(load), load.size
        (1, 2)
    """

    __slots__ = ("headers", "keys", "size", "topics", "values")

    def __init__(
        self,
        topics: list[str],
        keys: list[bytes],
        values: list[bytes] | list[msgspec.Raw],
        headers: list[Headers],
        size: int,
    ) -> None:
        self.topics = topics
        self.keys = keys
        self.values: list[Any] = values
        self.headers = headers
        self.size = size

    def __len__(self) -> int:
        return len(self.keys)

    def add(self, record: Outgoing) -> None:
        """Take one more record."""
        self.topics.append(record.topic)
        self.keys.append(record.key)
        self.values.append(record.value)
        self.headers.append(record.headers)
        self.size += len(record.value)


def letter(value: bytes, rejected: Rejected, source: str, path: str, rejected_at: str) -> Outgoing:
    """The dead letter for an event that was refused at the front door: its text as it came, and why.

    It stood on no topic yet: `topic` is empty, partition and offset are -1, and `source` and `path` say where it came in.

    Args:
        value: The event as it was sent. What is no UTF-8 in it is replaced: whoever looks at letters reads text.
        rejected: Why it was refused.
        source: Name of the key or webhook.
        path: The path that it was sent to.
        rejected_at: RFC 3339.

    Examples:
        >>> made = letter(b"?", Rejected("invalid_json", "No."), "website", "/v1/batch", "2026-11-22T14:10:16Z")
        >>> made.topic, made.value, dict(made.headers)["source"]
        ('dead-letters', b'?', b'website')
    """
    headers = [
        ("topic", b""),
        ("partition", b"-1"),
        ("offset", b"-1"),
        ("reason", rejected.reason.encode()),
        ("sentence", rejected.sentence[:_LONGEST_SENTENCE].encode("utf-8", "replace")),
        ("rejected_at", rejected_at.encode()),
        ("source", source.encode()),
        ("path", path.encode("utf-8", "replace")[:500]),
    ]
    if not value.isascii():
        value = value.decode("utf-8", "replace").encode()
    if len(value) > LARGEST_LETTER - _OWN:
        headers.append(("shortened", str(len(value)).encode()))
        value = value[: LARGEST_LETTER - _OWN].decode("utf-8", "ignore").encode()
    return Outgoing(DEAD_LETTERS, b"", value, headers)

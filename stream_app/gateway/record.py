"""What goes to Kafka for one event: a record of a source topic, or a dead letter."""

from typing import Final, NamedTuple

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


def letter(value: bytes, rejected: Rejected, source: str, path: str, rejected_at: str) -> Outgoing:
    """The dead letter for an event that was refused at the front door: its bytes as they came, and why.

    It stood on no topic yet: `topic` is empty, partition and offset are -1, and `source` and `path` say where it came in.

    Args:
        value: The event as it was sent.
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
    if len(value) > LARGEST_LETTER - _OWN:
        headers.append(("shortened", str(len(value)).encode()))
        value = value[: LARGEST_LETTER - _OWN]
    return Outgoing(DEAD_LETTERS, b"", value, headers)

"""Dead letters: a refused record as it came, with where it stood and why it was refused."""

from stream_app.effects import DeadLetter
from stream_app.topics import LARGEST_LETTER
from stream_app.worker.publisher import Record

__all__ = ["dead_letter"]

#: A letter's own headers and the frame of its batch take less than this many bytes.
_OWN = 8 * 1024
#: A sentence may quote what it refuses, which may be large.
_LONGEST_SENTENCE = 2_000
#: Bytes kept of a record that fits into no letter: enough to recognize it.
_SHORTENED = 64 * 1024


def dead_letter(letter: DeadLetter, topic: str, partition: int, rejected_at: str) -> Record:
    """The record for the dead-letter topic.

    The value is the original one, byte for byte. Only what is larger than the topic takes is cut (compressed, such a
    record passed the limit of its own topic): the header ``shortened`` then says how many bytes there were.

    Args:
        letter: What was refused, and why.
        topic: Source topic.
        partition: Its partition.
        rejected_at: When it was refused, RFC 3339.

    Examples:
        >>> from stream_app.effects import Refused
        >>> refused = Refused("invalid_json", "It is no JSON.", b"ann", b"?", [("trace", b"7")])
        >>> made = dead_letter(DeadLetter(2, 41, refused), "lifecycle.purchases", 3, "2026-11-22T14:10:16Z")
        >>> made.value, dict(made.headers)["reason"], dict(made.headers)["original-trace"]
        (b'?', b'invalid_json', b'7')
    """
    refused = letter.refused
    value = refused.value if refused.value is not None else b""
    headers = [
        ("topic", topic.encode()),
        ("partition", str(partition).encode()),
        ("offset", str(letter.offset).encode()),
        ("reason", refused.reason.encode()),
        ("sentence", _cut(refused.sentence).encode()),
        ("rejected_at", rejected_at.encode()),
    ]
    if refused.value is None:
        headers.append(("null", b"1"))
    original = (
        [(f"original-{name}", header or b"") for name, header in refused.headers] if refused.headers else []
    )
    size = len(value) + len(refused.key or b"")
    if original:
        size += sum(len(name.encode()) + len(header) + 10 for name, header in original)
    if size > LARGEST_LETTER - _OWN:
        headers.append(("shortened", str(len(value)).encode()))
        return Record((refused.key or b"")[:_SHORTENED], value[:_SHORTENED], headers)
    return Record(refused.key, value, headers + original)


def _cut(sentence: str) -> str:
    if len(sentence) <= _LONGEST_SENTENCE:
        return sentence
    half = _LONGEST_SENTENCE // 2
    return f"{sentence[:half]} … {sentence[-half:]}"

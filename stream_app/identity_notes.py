"""What two ids of one person write to each other, wherever their profiles live: the records of ``lifecycle.identities``.

A note goes to the partition of the id that it is for. It lies in the outbox of its sender until it is delivered, and may
come twice; whoever gets it knows by its number, or by what it says, whether it came before.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

import msgspec

from state import Event, Kind
from stream_app.alignment import Arrived
from stream_app.outputs import NOTE, Output

__all__ = [
    "ANSWERS", "CLAIM", "ERASE", "FORGET", "FORWARD", "HANDOVER", "REFUSAL", "RELEASE", "RELEASED", "RETAINED",
    "Note", "by_receiver", "forwarded", "output_of", "read_note", "receiver_of",
]  # fmt: skip

CLAIM: Final = "claim"
"""A customer says that an id is theirs."""
HANDOVER: Final = "handover"
"""The id gives everything that was folded under it to the customer."""
REFUSAL: Final = "refusal"
"""The id does not: it is a known customer itself, or somebody else's, or was taken out again."""
FORWARD: Final = "forward"
"""An event that came under the id later."""
RELEASE: Final = "release"
"""An operator wants the id back, or it has turned out to be a known customer: is the customer able to let it go?"""
RELEASED: Final = "released"
"""The customer has."""
RETAINED: Final = "retained"
"""The customer cannot."""
FORGET: Final = "forget"
"""The customer is erased: the id is to be, too."""
ERASE: Final = "erase"
"""The id was to be erased: the customer is the one to erase."""
ANSWERS: Final = frozenset({REFUSAL, RELEASED, RETAINED, FORGET, ERASE})
"""What another id waits for, whatever becomes of the sender."""


class Note(msgspec.Struct, omit_defaults=True, gc=False):
    """One record.

    Attributes:
        kind: What it says, one of the constants of this module.
        to: The id that it is for, the Kafka key.
        sender: The id that says it.
        number: Grows by one with every note of the sender.
        at: Event time (µs) of the event that caused it.
        content: The encoded profile of a handover.
        event: The event of a forward: message, amount, active, late, link, and its kind by name, topic, measures counted,
            measure of the amount, session.
        reason: Why something is refused, or released unasked.
        nonce: Which request of an operator it belongs to.
    """

    kind: str
    to: str
    sender: str
    number: int
    at: int = 0
    content: bytes = b""
    event: tuple[int, int, bool, bool, str, str, str, tuple[int, ...], int, bool] | None = None
    reason: str = ""
    nonce: str = ""


class _Address(msgspec.Struct, gc=False):
    to: str


_ENCODE: Final = msgspec.msgpack.Encoder().encode
_NOTE: Final = msgspec.msgpack.Decoder(Note)
_ADDRESS: Final = msgspec.msgpack.Decoder(_Address)


def output_of(note: Note) -> Output:
    """The note as an output that its sender owes."""
    return Output(NOTE, note.sender.encode(), _ENCODE(note))


def by_receiver(records: Iterable[Arrived]) -> dict[str, list[Arrived]]:
    """The notes among records, sorted by the id that they are for, each id's in the order in which they came."""
    found: dict[str, list[Arrived]] = {}
    for record in records:
        if isinstance(record.item, Note):
            found.setdefault(record.item.to, []).append(record)
    return found


def read_note(value: bytes | None) -> Note | None:
    """The note in a record; None if it holds none.

    Examples:
        >>> note = Note(CLAIM, "anon-1", "u1", 1, at=7)
        >>> read_note(output_of(note).payload) == note, read_note(b"{}"), receiver_of(output_of(note).payload)
        (True, None, 'anon-1')
    """
    try:
        return _NOTE.decode(value or b"")
    except msgspec.DecodeError:
        return None


def receiver_of(payload: bytes) -> str:
    """The id that an encoded note is for."""
    return _ADDRESS.decode(payload).to


def forwarded(note: Note) -> tuple[Event, bool]:
    """The event of a forward as the customer's own, and whether it came later than allowed."""
    message, amount, active, late, link, *kind = note.event or (0, 0, False, False, "", "", "", (), -1, False)
    return Event(note.to, note.at, message, _kind(*kind), amount, active, True, link), late


@lru_cache(maxsize=4096)
def _kind(name: str, topic: str, counts: tuple[int, ...], amount: int, session: bool) -> Kind:
    """The same kind each time, for kinds are compared by identity."""
    return Kind(name, topic, counts, amount, session)

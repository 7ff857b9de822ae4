"""How is a profile stored: a head for those who need no more (see `state.head`), then MessagePack by position.

Fields are written by position without names, so bytes stay few, and a field that an older version did not
have takes its default. A version this code does not know is refused: guessing would corrupt what a newer
worker wrote. Version 1 had no head; it is still read, and replaced when the customer is next stored.
"""

from typing import Final

import msgspec

from state.head import HEAD_BYTES, LAYOUT, head_of, size_of_head
from state.measure_ids import MEASURES
from state.profile import Profile

VERSION: Final = LAYOUT
"""Version of the layout that `encode` writes."""

_PREFIX: Final = bytes([VERSION])
_HEADLESS: Final = 1
_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final = msgspec.msgpack.Decoder(Profile)
_MEASURES: Final = len(MEASURES)


class StateError(Exception):
    """Stored state cannot be read.

    Operator action: run the version that wrote it, or delete the table and let `lifecycle replay` rebuild it.
    """


def encode(profile: Profile) -> bytes:
    """The profile as bytes: equal profiles give equal bytes."""
    return head_of(profile) + _ENCODER.encode(profile)


def decode(data: bytes) -> Profile:
    """The profile that `encode` of this or an older version wrote.

    Raises:
        StateError: If the bytes come from a newer version or are no profile.

    Examples:
        >>> decode(encode(Profile(revision=3))).revision
        3
    """
    try:
        version = data[0]
        start = size_of_head(data) if version == VERSION else 1
    except IndexError:
        raise StateError(_foreign(data)) from None
    if version not in (VERSION, _HEADLESS):
        raise StateError(_foreign(data))
    try:
        profile = _DECODER.decode(data[start:])  # copying a kilobyte costs less than a view of it
    except msgspec.DecodeError as error:
        raise StateError(
            f"stored profile is damaged: {error}; delete it and replay the customer's events"
        ) from None
    if len(profile.counts) < _MEASURES:
        for totals in (profile.counts, profile.first, profile.last):
            totals.extend([0] * (_MEASURES - len(totals)))
    return profile


def with_head(data: bytes) -> bytes:
    """The same profile in the layout of now; bytes that have a head are returned as they are.

    Raises:
        StateError: As for `decode`.
    """
    if data[:1] == _PREFIX and len(data) > HEAD_BYTES and len(data) > size_of_head(data):
        return data
    return encode(decode(data))


def _foreign(data: bytes) -> str:
    if not data:
        return "stored profile is empty; delete it and replay the customer's events"
    if data[0] == VERSION:
        return "stored profile is damaged: it ends early; delete it and replay the customer's events"
    return (
        f"stored profile has layout version {data[0]}, this program knows up to {VERSION}: "
        "a newer program wrote it. Start that version again, or delete the table and replay"
    )

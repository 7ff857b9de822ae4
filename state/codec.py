"""How is a profile stored: one byte of version, then MessagePack by position.

Fields are written by position without names, so bytes stay few, and a field that an older version did not
have takes its default. A version this code does not know is refused: guessing would corrupt what a newer
worker wrote.
"""

from typing import Final

import msgspec

from state.measure_ids import MEASURES
from state.profile import Profile

VERSION: Final = 1
"""Version of the layout that `encode` writes."""

_PREFIX: Final = bytes([VERSION])
_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final = msgspec.msgpack.Decoder(Profile)
_MEASURES: Final = len(MEASURES)


class StateError(Exception):
    """Stored state cannot be read.

    Operator action: run the version that wrote it, or delete the table and let `lifecycle replay` rebuild it.
    """


def encode(profile: Profile) -> bytes:
    """The profile as bytes: equal profiles give equal bytes."""
    return _PREFIX + _ENCODER.encode(profile)


def decode(data: bytes) -> Profile:
    """The profile that `encode` of this or an older version wrote.

    Raises:
        StateError: If the bytes come from a newer version or are no profile.

    Examples:
        >>> decode(encode(Profile(revision=3))).revision
        3
    """
    if data[:1] != _PREFIX:
        raise StateError(_foreign(data))
    try:
        profile = _DECODER.decode(data[1:])  # copying a kilobyte costs less than a view of it
    except msgspec.DecodeError as error:
        raise StateError(
            f"stored profile is damaged: {error}; delete it and replay the customer's events"
        ) from None
    if len(profile.counts) < _MEASURES:
        for totals in (profile.counts, profile.first, profile.last):
            totals.extend([0] * (_MEASURES - len(totals)))
    return profile


def _foreign(data: bytes) -> str:
    if not data:
        return "stored profile is empty; delete it and replay the customer's events"
    return (
        f"stored profile has layout version {data[0]}, this program knows up to {VERSION}: "
        "a newer program wrote it. Start that version again, or delete the table and replay"
    )

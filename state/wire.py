"""How is the wire format parsed: one typed decoder for the fields that matter; the parser skips the rest."""

import json
from typing import Any, Final, TypeVar

import msgspec

from state.rejection import Rejected


class Properties(msgspec.Struct, gc=False):
    """What may hold an amount; of any type, because only an order or a refund is held to it."""

    revenue: Any = None
    total: Any = None
    value: Any = None
    currency: Any = None
    products: msgspec.Raw = msgspec.Raw()


class Context(msgspec.Struct, gc=False):
    """``active`` is false for an update of traits that is no activity."""

    active: Any = None


class Wire(msgspec.Struct, gc=False):
    """The Segment event, and the older spellings that its own documentation still shows."""

    type: str | None = None
    event: str | None = None
    messageId: str | int | None = None  # noqa: N815 - named as on the wire
    userId: str | int | None = None  # noqa: N815
    anonymousId: str | int | None = None  # noqa: N815
    timestamp: str | int | float | None = None
    properties: Properties | list[Any] | None = None  # PHP writes an empty object as []
    context: Context | list[Any] | None = None
    specversion: Any = None
    action: Any = None
    message_id: Any = None
    user_id: Any = None
    anonymous_id: Any = None
    previousId: str | int | None = None  # noqa: N815
    previous_id: Any = None


_WIRE: Final = msgspec.json.Decoder(Wire)


def read(value: bytes | msgspec.Raw) -> Wire:
    """Parse one event.

    Raises:
        Rejected: As `read_as`.
    """
    return read_as(_WIRE, value)


_AnyWire = TypeVar("_AnyWire", bound=Wire)


def read_as(decoder: "msgspec.json.Decoder[_AnyWire]", value: bytes | msgspec.Raw) -> _AnyWire:
    """Parse one event with a decoder that reads more fields than `Wire` has.

    Args:
        decoder: For a struct that extends `Wire`.
        value: JSON of one event.

    Raises:
        Rejected: ``invalid_json``, ``wrong_type``, or ``bad_amount`` for NaN and Infinity, which are no JSON.
    """
    try:
        return decoder.decode(value)
    except msgspec.ValidationError as error:
        if "out of range" in str(error):
            raise _unreadable(bytes(value), error) from None
        raise Rejected(
            "wrong_type", f"A field has the wrong type: {error}; see the event fields of the README."
        ) from None
    except RecursionError:
        raise Rejected("invalid_json", "The value is nested too deeply to be an event.") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _unreadable(bytes(value), error) from None


def _unreadable(value: bytes, error: Exception) -> Rejected:
    """Tell broken JSON from JSON with NaN or Infinity, which some clients write for an amount they lack."""
    if b"NaN" in value or b"Infinity" in value or "out of range" in str(error):
        try:
            json.loads(value)
        except (ValueError, RecursionError):
            pass
        else:
            return Rejected(
                "bad_amount", "The event holds NaN, Infinity or a number out of range; send finite numbers."
            )
    return Rejected("invalid_json", f"The value is not JSON in UTF-8: {error}; send one JSON object.")


def modernize(wire: Wire) -> None:
    """Take the older spellings (``user_id``, ``action``) where the present ones are missing."""
    if wire.type is None and isinstance(wire.action, str):
        wire.type = wire.action
    for name, old in (
        ("messageId", wire.message_id),
        ("userId", wire.user_id),
        ("anonymousId", wire.anonymous_id),
        ("previousId", wire.previous_id),
    ):
        if getattr(wire, name) is None and isinstance(old, str | int) and not isinstance(old, bool):
            setattr(wire, name, old)

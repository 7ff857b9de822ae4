"""What becomes of one event: a record with the time of its arrival and its corrected event time, or a refusal.

The usual event is not taken apart: its text is checked by the same typed parser as the worker's, its ``timestamp`` is
renamed ``originalTimestamp``, and ours is put behind it. Events that need more are rewritten.
"""

from typing import Any, Final, NamedTuple
from uuid import uuid4

import msgspec
import orjson

from state import (
    Bounds,
    Event,
    MeasureMap,
    Rejected,
    Wire,
    belonging,
    decode_event,
    modernize,
    parse_instant,
    read_as,
)
from stream_app.gateway.clock_skew import Arrival, text_of
from stream_app.gateway.record import Outgoing
from stream_app.gateway.usual import UsualIntake, has_escaped_letters
from stream_app.settings import Events


class Shared(NamedTuple):
    """What a batch says about all its events: a context, which each of them gets.

    Attributes:
        entries: Of the context.
        size: Bytes of it.
    """

    entries: dict[str, Any]
    size: int


class _Sent(Wire, gc=False):
    """An event as senders send it: the wire format, and what a collector adds or takes away."""

    originalTimestamp: Any = None  # noqa: N815 - named as on the wire
    sentAt: Any = None  # noqa: N815
    receivedAt: Any = None  # noqa: N815
    writeKey: Any = None  # noqa: N815


_DECODER: Final = msgspec.json.Decoder(_Sent)
_OWN_TIME: Final = b'"timestamp"'
_ORIGINAL_TIME: Final = b'"originalTimestamp"'
_STAMP: Final = b'"timestamp":"'
_EARLIEST: Final = -62_135_596_800_000_000
_LATEST: Final = 253_402_300_799_999_999
_ENVELOPE: Final = (("content-type", b"application/cloudevents+json"),)


class Intake:
    """Judges events with the worker's own rules.

    Args:
        kinds: Which event name counts as what, and travels on which topic.
        events: What is believable.

    Attributes:
        take_all: The same for a whole batch of usual events, see `UsualIntake`.
    """

    def __init__(self, kinds: MeasureMap, events: Events) -> None:
        self._kinds = kinds
        self._bounds = Bounds(events.max_event_bytes, events.earliest, events.max_future, events.max_amount)
        self.take_all = UsualIntake(kinds, self._bounds).take_all

    def take(self, raw: bytes, arrival: Arrival, call: str = "", context: Shared | None = None) -> Outgoing:
        """The record for one event of the Segment spec.

        Args:
            raw: The event's JSON.
            arrival: When it came.
            call: The type of events that carry none, from the path.
            context: Of the whole batch; the event's own entries win.

        Raises:
            Rejected: If it cannot be folded, as the worker would.
        """
        # Before anything is made of it: a large context would be written again for each of thousands of events.
        self._check_size(len(raw) if context is None else len(raw) + context.size)
        wire = _parsed(raw)
        original = wire.timestamp
        place = raw.find(_OWN_TIME)
        if context is None and original != "" and _is_whole(wire) and _is_patchable(raw, place, original):
            if wire.userId is None:
                modernize(wire)
            at = arrival.received_at if original is None else _corrected(original, arrival.skew)
            customer, kind = belonging(wire, at, self._kinds, self._bounds, arrival.received_at)
            end = b"%b%b" % (text_of(at).encode(), arrival.end)
            value = (
                b"%b,%b" % (raw[:-1], _STAMP + end)
                if original is None
                else b"%b%b%b,%b%b" % (raw[:place], _ORIGINAL_TIME, raw[place + 11 : -1], _STAMP, end)
            )
            self._check_size(len(value))
            return Outgoing(kind.topic, customer.encode(), value)
        original = _complete(wire, call)
        skew = arrival.skew if wire.sentAt is None else arrival.skew_of(wire.sentAt)
        at = arrival.received_at if original is None else _corrected(original, skew)
        customer, kind = belonging(wire, at, self._kinds, self._bounds, arrival.received_at)
        stamped = text_of(at)
        value = _rewritten(raw, wire, stamped, arrival, original, {} if context is None else context.entries)
        self._check_size(len(value))
        return Outgoing(kind.topic, customer.encode(), value)

    def _check_size(self, size: int) -> None:
        if size > self._bounds.max_bytes:
            raise Rejected(
                "too_large",
                f"The event has {size:,} bytes with what is added to it, more than the {self._bounds.max_bytes:,} accepted.",
            )

    def judge_envelope(self, raw: bytes, arrival: Arrival) -> Event:
        """The facts of a CloudEvent in structured mode, as the worker will see them.

        Raises:
            Rejected: If it cannot be folded.
        """
        return decode_event(raw, _ENVELOPE, self._kinds, self._bounds, arrival.received_at)


def _parsed(raw: bytes) -> _Sent:
    try:
        raw.decode()  # the parser does not look whether what it skips is UTF-8
    except UnicodeDecodeError as error:
        raise Rejected(
            "invalid_json", f"The event is not JSON in UTF-8: {error}; send one JSON object."
        ) from None
    return read_as(_DECODER, raw)


def _complete(wire: _Sent, call: str) -> Any:
    """Fill in what a collector adds.

    Returns:
        When it happened by the sender's clock, as it was sent; None if it was not.
    """
    modernize(wire)
    if wire.type is None:
        wire.type = call or None
    if wire.messageId is None or wire.messageId == "":
        wire.messageId = str(uuid4())
    for each in (wire.originalTimestamp, wire.timestamp):
        if each is not None and each != "":
            return each
    return None


def _is_whole(wire: _Sent) -> bool:
    """Whether a collector has nothing to fill in, and nothing to take away."""
    return (
        wire.messageId is not None
        and wire.messageId != ""
        and wire.type is not None
        and wire.originalTimestamp is None
        and wire.receivedAt is None
        and wire.sentAt is None
        and wire.writeKey is None
    )


def _is_patchable(raw: bytes, place: int, original: Any) -> bool:
    """Whether the name stands in the text just where the event's own field is: once, or not at all without the field."""
    if has_escaped_letters(raw):
        return False
    if original is None:
        return place < 0
    return place >= 0 and raw.find(_OWN_TIME, place + 11) < 0


def _corrected(original: Any, skew: int) -> int:
    """The event time (µs)."""
    try:
        at = parse_instant(original) + skew
    except (ValueError, OverflowError, TypeError) as error:
        raise Rejected(
            "bad_timestamp", f"timestamp {error}; send RFC 3339 such as 2026-11-22T14:10:16Z."
        ) from None
    if not _EARLIEST <= at <= _LATEST:
        raise Rejected("bad_timestamp", f"timestamp {original!r:.40} lies outside the years 1 to 9999.")
    return at


def _rewritten(
    raw: bytes, wire: _Sent, stamped: str, arrival: Arrival, original: Any, context: dict[str, Any]
) -> bytes:
    try:
        document: dict[str, Any] = orjson.loads(raw)
        own = document.get("context")
        if context:
            document["context"] = {**context, **own} if isinstance(own, dict) else context
        document.pop("writeKey", None)
        if not document.get("sentAt"):
            document.pop("sentAt", None)
        document["type"], document["messageId"] = wire.type, wire.messageId
        if original is not None:
            document["originalTimestamp"] = original
        document["timestamp"], document["receivedAt"] = stamped, arrival.received
        return orjson.dumps(document)
    except (orjson.JSONDecodeError, orjson.JSONEncodeError) as error:
        raise Rejected("invalid_json", f"The event cannot be written again: {error}.") from None

"""What becomes of a batch of usual events: judged column by column, at a third of what they cost one by one.

Usual is what servers send in volume: every event has type, messageId, an id and one timestamp in RFC 3339, and nothing that
a collector adds. With anything else in a batch, a bad event above all, it is judged one by one, each event with its own
verdict. Both ways say the same; this one only says yes.
"""

from datetime import UTC, datetime, timedelta
from functools import lru_cache, partial
from typing import Annotated, Any, Final

import msgspec

from state import Bounds, MeasureMap, Properties, Rejected, amount_of, is_somebody
from stream_app.gateway.clock_skew import Arrival
from stream_app.gateway.record import NO_HEADERS, Outgoing

_OWN_TIME: Final = b'"timestamp":'
_ESCAPED_LETTERS: Final = (b"\\u006", b"\\u007")
"""Nobody writes names of fields so, but it may be done; then a name is not found where it stands."""
_REMEMBERED: Final = 1 << 16
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_outgoing: Final = partial(tuple.__new__, Outgoing)
"""As `Outgoing` itself, at a third of the time; this is done for every event."""
_encode: Final = msgspec.json.Encoder().encode


class _Object(msgspec.Struct, gc=False):
    """Some object; what it holds does not matter."""


class _Event(msgspec.Struct, gc=False):
    """A usual event. Fields of type None are those that would make it another."""

    type: str
    messageId: str  # noqa: N815 - named as on the wire
    timestamp: Annotated[datetime, msgspec.Meta(tz=True)]
    event: str | None = None
    userId: str | None = None  # noqa: N815
    anonymousId: str | None = None  # noqa: N815
    properties: _Object | list[Any] | None = None
    context: _Object | list[Any] | None = None
    previousId: str | int | None = None  # noqa: N815
    originalTimestamp: None = None  # noqa: N815
    sentAt: None = None  # noqa: N815
    receivedAt: None = None  # noqa: N815
    writeKey: None = None  # noqa: N815


class _Order(msgspec.Struct, gc=False):
    """An event with an amount; few have one, so that it is read for those alone."""

    properties: Properties | list[Any] | None = None


class UsualBatch(msgspec.Struct, gc=False):
    """The body of a request with usual events."""

    batch: list[_Event]
    writeKey: Any = None  # noqa: N815
    api_key: Any = None
    sentAt: Any = None  # noqa: N815
    context: _Object | None = None


class _Texts(msgspec.Struct, gc=False):
    batch: list[msgspec.Raw]


_USUAL: Final = msgspec.json.Decoder(UsualBatch)
_ORDER: Final = msgspec.json.Decoder(_Order)
_TEXTS: Final = msgspec.json.Decoder(_Texts)


def read_usual(body: bytes) -> UsualBatch | None:
    """Read a body as a batch of usual events, or not at all.

    Examples:
        >>> event = b'{"type":"page","messageId":"m1","userId":"u1","timestamp":"2026-11-22T14:10:16.735Z"}'
        >>> len(read_usual(b'{"batch":[' + event + b'],"writeKey":"k"}').batch)
        1
        >>> read_usual(b'{"batch":[{"type":"page"}]}') is None
        True
    """
    try:
        body.decode()
        sent = _USUAL.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return sent if sent.batch and sent.context is None else None


class UsualIntake:
    """Judges batches of usual events.

    Args:
        kinds: Which event name counts as what, and travels on which topic.
        bounds: What is believable.
    """

    def __init__(self, kinds: MeasureMap, bounds: Bounds) -> None:
        self._kinds = kinds
        self._bounds = bounds
        self._earliest = _instant(bounds.earliest)

    def take_all(self, body: bytes, sent: UsualBatch, arrival: Arrival) -> list[Outgoing] | None:
        """The records for all events of a batch, or None if each must be looked at.

        Args:
            body: What was sent.
            sent: The same as read.
            arrival: When it came.
        """
        inserted = self._times(sent.batch, arrival)
        texts = None if inserted is None else _texts(body, inserted)
        if texts is None or (len(body) > self._bounds.max_bytes and self._is_too_large(texts)):
            return None
        try:
            return self._records(sent.batch, texts)
        except (KeyError, Rejected):
            return None

    def _is_too_large(self, texts: list[bytes]) -> bool:
        return max(map(len, texts)) > self._bounds.max_bytes

    def _times(self, batch: list[_Event], arrival: Arrival) -> list[bytes] | None:
        """What stands before each event's own time: the corrected one, and that of its arrival."""
        try:
            skew = timedelta(microseconds=arrival.skew)
            given = [each.timestamp for each in batch]
            times = [(at if at.tzinfo is UTC else at.astimezone(UTC)) + skew for at in given]
            latest = _instant(arrival.received_at + self._bounds.max_future)
        except OverflowError:
            return None
        if min(times) < self._earliest or max(times) > latest:
            return None
        end = b',"receivedAt":"%b","originalTimestamp":' % arrival.received.encode()
        told = _encode(times)[1:-1].replace(b",", b"%b\n%b" % (end, _OWN_TIME))
        return b"".join((_OWN_TIME, told, end)).split(b"\n")

    def _records(self, batch: list[_Event], texts: list[bytes]) -> list[Outgoing] | None:
        """One loop, because it is run for every event."""
        named, look_up = self._kinds.named, self._kinds.kind
        records = []
        for each, text in zip(batch, texts, strict=True):
            is_track = each.type == "track"
            kind = named.get(each.event) if is_track else None
            if kind is None:
                if is_track and not each.event:
                    return None
                kind = look_up(each.type, each.event)
            if kind.amount >= 0:
                self._check_amount(text)
            key = _key(each.anonymousId if each.userId is None else each.userId)
            if key is None or not each.messageId:
                return None
            records.append(_outgoing((kind.topic, key, text, NO_HEADERS)))
        return records

    def _check_amount(self, text: bytes) -> None:
        told = _ORDER.decode(text).properties
        if isinstance(told, Properties):
            rates, largest = self._kinds.rates, self._bounds.max_amount
            amount_of(told.revenue, told.total, told.value, told.products, told.currency, rates, largest)


def _texts(body: bytes, inserted: list[bytes]) -> list[bytes] | None:
    """Each event's JSON with other times before its own, which becomes the original; None if that cannot be done so.

    Every event has a timestamp of its own, so as many names as events means one in each.
    """
    if b"\\" in body and any(letter in body for letter in _ESCAPED_LETTERS):
        return None
    parts = body.split(_OWN_TIME)
    if len(parts) != len(inserted) + 1:
        return None
    woven = [b""] * (2 * len(parts) - 1)
    woven[::2], woven[1::2] = parts, inserted
    return list(map(bytes, _TEXTS.decode(b"".join(woven)).batch))


def _instant(at: int) -> datetime:
    return _EPOCH + timedelta(microseconds=at)


@lru_cache(maxsize=_REMEMBERED)
def _key(customer: str | None) -> bytes | None:
    """The Kafka key of an id; None if it identifies nobody."""
    return customer.encode() if customer is not None and is_somebody(customer) else None

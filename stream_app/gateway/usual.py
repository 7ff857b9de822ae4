"""What becomes of a batch of usual events: judged column by column, at a third of what they cost one by one.

Usual is what servers send in volume: every event has type, messageId, an id and one timestamp in RFC 3339, and nothing that
a collector adds. With anything else in a batch, a bad event above all, it is judged one by one, each event with its own
verdict. Both ways say the same; this one only says yes.
"""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Literal

import msgspec

from state import Bounds, MeasureMap, Properties, Rejected, amount_of, is_somebody
from stream_app.gateway.clock_skew import Arrival
from stream_app.gateway.record import NO_HEADERS, Load

_OWN_TIME: Final = b'"timestamp"'
_ESCAPED_LETTERS: Final = (b"\\u006", b"\\u007")
"""Nobody writes names of fields so, but it may be done."""
_REMEMBERED: Final = 1 << 16
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MUCH: Final = 1e15
"""An amount up to this is believable whatever else holds, as long as the bounds allow it."""
_encode: Final = msgspec.json.Encoder().encode


class _Object(msgspec.Struct, gc=False):
    """Some object; what it holds does not matter."""


class _Event(msgspec.Struct, gc=False):
    """A usual event. Fields of type None are those that would make it another."""

    type: Literal["track", "page", "screen", "identify", "alias", "group"]
    messageId: Annotated[str, msgspec.Meta(min_length=1)]  # noqa: N815 - named as on the wire
    timestamp: Annotated[datetime, msgspec.Meta(tz=True)]
    event: str | None = None
    userId: str | None = None  # noqa: N815
    anonymousId: str | None = None  # noqa: N815
    properties: Properties | list[Any] | None = None
    context: _Object | list[Any] | None = None
    previousId: str | int | None = None  # noqa: N815
    originalTimestamp: None = None  # noqa: N815
    sentAt: None = None  # noqa: N815
    receivedAt: None = None  # noqa: N815
    writeKey: None = None  # noqa: N815
    action: None = None  # this and those below are older spellings, which may say whose the event is
    message_id: None = None
    user_id: None = None
    anonymous_id: None = None
    previous_id: None = None


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


def has_escaped_letters(text: bytes) -> bool:
    r"""Whether letters are written as escapes somewhere: then a name of a field may not be found where it stands.

    Examples:
        >>> has_escaped_letters(rb'{"timest\u0061mp":1}'), has_escaped_letters(rb'{"event":"\u00fc"}')
        (True, False)
    """
    return b"\\" in text and any(letter in text for letter in _ESCAPED_LETTERS)


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
        self._plain = min(bounds.max_amount, _MUCH)
        self._keys = _Keys()

    def take_all(self, body: bytes, sent: UsualBatch, arrival: Arrival) -> Load | None:
        """The records for all events of a batch, or None if each must be looked at.

        Args:
            body: What was sent.
            sent: The same as read.
            arrival: When it came.
        """
        times = self._times(sent.batch, arrival)
        whole = None if times is None else _woven(body, times, arrival)
        texts = [] if whole is None else _TEXTS.decode(whole).batch
        if whole is None or (len(whole) > self._bounds.max_bytes and self._is_too_large(texts)):
            return None
        try:
            return self._load(sent.batch, texts, len(whole))
        except (KeyError, Rejected):
            return None

    def _is_too_large(self, texts: list[msgspec.Raw]) -> bool:
        return max(memoryview(text).nbytes for text in texts) > self._bounds.max_bytes

    def _times(self, batch: list[_Event], arrival: Arrival) -> list[bytes] | None:
        """Each event's corrected time, as JSON; None if one is not believable."""
        try:
            skew = timedelta(microseconds=arrival.skew)
            times = [each.timestamp + skew for each in batch]
            latest = _instant(arrival.received_at + self._bounds.max_future)
            if min(times) < self._earliest or max(times) > latest:
                return None
            told = _encode(times)
            if told.count(b"Z") < len(times):
                told = _encode([at.astimezone(UTC) for at in times])
        except OverflowError:
            return None
        return told[1:-1].split(b",")

    def _load(self, batch: list[_Event], texts: list[msgspec.Raw], size: int) -> Load | None:
        """One loop, because it is run for every event."""
        named, look_up, keys_of = self._kinds.named, self._kinds.kind, self._keys
        topics, keys = [], []
        for each in batch:
            is_track = each.type == "track"
            kind = named.get(each.event) if is_track else None
            if kind is None:
                if is_track and not each.event:
                    return None
                kind = look_up(each.type, each.event)
            if kind.amount >= 0:
                self._check_amount(each.properties)
            topics.append(kind.topic)
            keys.append(keys_of[each.anonymousId if each.userId is None else each.userId])
        return None if b"" in keys else Load(topics, keys, texts, [NO_HEADERS] * len(keys), size)

    def _check_amount(self, told: Properties | list[Any] | None) -> None:
        if isinstance(told, Properties):
            rates, largest = self._kinds.rates, self._bounds.max_amount
            if type(told.revenue) is float and 0.0 <= told.revenue <= self._plain and not rates:
                return  # most amounts are such; `amount_of` would take it as well
            amount_of(told.revenue, told.total, told.value, told.products, told.currency, rates, largest)


class _Keys(dict[str | None, bytes]):
    """The Kafka keys of ids; empty for one that identifies nobody. Looked up here, an id costs a third of a call."""

    def __missing__(self, customer: str | None) -> bytes:
        key = customer.encode() if customer is not None and is_somebody(customer) else b""
        if len(self) >= _REMEMBERED:
            self.clear()
        self[customer] = key
        return key


def _woven(body: bytes, times: list[bytes], arrival: Arrival) -> bytes | None:
    """The body with other times before each event's own, which becomes the original; None if that cannot be done so.

    Every event has a timestamp of its own, so as many names as events means one in each. The colon is not looked
    for: there may be a space before it, and then a name deeper in the event would be taken for the event's own.
    """
    if has_escaped_letters(body):
        return None
    # As the name does not overlap itself `split` would find the same, but it takes twice as long.
    parts = body.rsplit(_OWN_TIME)
    if len(parts) != len(times) + 1:
        return None
    woven = [_OWN_TIME + b":"] * (4 * len(times) + 1)
    woven[::4], woven[2::4] = parts, times
    woven[3::4] = [b',"receivedAt":"%b","originalTimestamp"' % arrival.received.encode()] * len(times)
    return b"".join(woven)


def _instant(at: int) -> datetime:
    return _EPOCH + timedelta(microseconds=at)

"""What does a record say: from the bytes of a Segment event to the few facts that the fold needs.

One decode with one module-level decoder, typed to exactly the fields that matter; everything else is skipped
by the parser. Whatever cannot be folded is `Rejected` with a reason and a sentence, never with a stray
exception.
"""

from typing import Any, Final

import msgspec
from xxhash import xxh3_64_intdigest

from state.amounts import amount_of
from state.envelope import Envelope, Headers, open_headers, open_structured
from state.instants import DAY, format_instant, parse_instant
from state.measure_ids import TYPES
from state.measures import Kind, MeasureMap
from state.rejection import Rejected
from state.wire import Context, Properties, Wire, modernize, read

JUNK_IDS: Final = frozenset({
    "", "null", "(null)", "none", "nil", "undefined", "anonymous", "guest", "unknown", "0", "-1", "nan",
    "n/a", "na", "true", "false", "-", "[object object]", "00000000-0000-0000-0000-000000000000",
})  # fmt: skip
"""Ids that clients send when they have none; in lower case. They never identify anybody."""

LONGEST_ID: Final = 512
"""Characters of the longest customer id or messageId accepted."""


class Bounds(msgspec.Struct, frozen=True):
    """What is believable.

    Attributes:
        max_bytes: Largest value of a record, in bytes.
        earliest: Earliest event time accepted (µs); by default the year 1990.
        max_future: How far (µs) an event time may lie ahead of the time of arrival.
        max_amount: Largest amount, in units of the base currency.
    """

    max_bytes: int = 1 << 20
    earliest: int = 631_152_000_000_000
    max_future: int = DAY
    max_amount: float = 1e12


class Event(msgspec.Struct, gc=False):
    """One event as the fold sees it.

    Attributes:
        customer: The customer id: userId, else anonymousId.
        at: Event time (µs).
        message: 64-bit hash of the messageId, the identity for duplicates.
        kind: What it counts as.
        amount: Its amount in micro-units of the base currency; 0 for kinds without one.
        active: False for a mere update of traits (``context.active`` = false), which counts nothing.
        anonymous: Whether the customer id is an anonymousId.
        link: The other id that the event declares to be the same person: the anonymousId of an ``identify``, the
            previousId of an ``alias``; empty for everything else.
    """

    customer: str
    at: int
    message: int
    kind: Kind
    amount: int = 0
    active: bool = True
    anonymous: bool = False
    link: str = ""


def decode(
    value: bytes | None, headers: Headers, kinds: MeasureMap, bounds: Bounds, received_at: int
) -> Event:
    """Read one record.

    Args:
        value: The record's value.
        headers: Its headers; only a CloudEvents envelope is looked for.
        kinds: Which event name counts as what, and the currency rates.
        bounds: What is believable.
        received_at: When the record arrived (µs of processing time); event times are compared to it.

    Returns:
        The event. The customer's Kafka key is the UTF-8 of its ``customer``.

    Raises:
        Rejected: With one of the reasons of `state.rejection.REASONS`. Nothing else is raised for any input.

    Examples:
        >>> kinds = MeasureMap.parse('''
        ... [[kind]]
        ... name = "order"
        ... topic = "purchases"
        ... events = ["Order Completed"]
        ... counts = ["orders"]
        ... amount = "revenue"
        ... ''')
        >>> record = b'{"type":"track","event":"Order Completed","messageId":"m1","userId":"u1",'
        >>> record += b'"timestamp":"2026-11-22T14:10:16Z","properties":{"revenue":22.5}}'
        >>> event = decode(record, None, kinds, Bounds(), received_at=1795356617000000)
        >>> event.customer, event.kind.name, event.amount
        ('u1', 'order', 22500000)
    """
    if value is not None and len(value) > bounds.max_bytes:
        raise Rejected(
            "too_large",
            f"The value has {len(value):,} bytes, more than the {bounds.max_bytes:,} accepted; "
            "send one event a record and leave large texts out.",
        )
    envelope = open_headers(value, headers) if headers else None
    if envelope is None:
        if value is None:
            raise Rejected("null_value", "The record has no value; send the event as JSON.")
        wire = read(value)
        if wire.specversion is not None and wire.messageId is None:
            envelope = open_structured(value)
    if envelope is not None:
        return _unwrap(envelope, kinds, bounds, received_at)
    if wire.messageId is None or wire.userId is None or wire.type is None:
        modernize(wire)
    return judge(wire, kinds, bounds, received_at)


def judge(wire: Wire, kinds: MeasureMap, bounds: Bounds, received_at: int, dotted: str = "") -> Event:
    """The facts of a parsed event.

    Args:
        wire: The event as parsed.
        kinds: As in `decode`.
        bounds: As in `decode`; the size is not looked at.
        received_at: As in `decode`.
        dotted: The CloudEvents type, if it alone says what happened.

    Raises:
        Rejected: As `decode`.
    """
    message_id = wire.messageId
    if message_id is None or message_id == "":
        raise _without_message_id()
    customer = _customer(wire)
    timestamp = wire.timestamp
    if timestamp is None or timestamp == "":
        raise Rejected(
            "missing_timestamp", "The event has no timestamp; send its event time as RFC 3339 text."
        )
    try:
        at = parse_instant(timestamp)
    except (ValueError, OverflowError) as error:
        raise Rejected(
            "bad_timestamp", f"timestamp {error}; send RFC 3339 such as 2026-11-22T14:10:16Z."
        ) from None
    if not bounds.earliest <= at <= received_at + bounds.max_future:
        raise _unbelievable(at, timestamp, bounds, received_at)
    user = wire.userId
    anonymous = user is None or (
        customer != user and customer != str(user)
    )  # the first of the two mostly answers
    link = ""
    kind = kinds.named.get(wire.event) if wire.type == "track" else None
    if kind is None:
        kind = _kind(wire, kinds, dotted)
        if not anonymous:
            link = _link(wire, customer)
    properties, context = wire.properties, wire.context
    amount = 0
    if kind.amount >= 0 and isinstance(properties, Properties):
        amount = amount_of(
            properties.revenue,
            properties.total,
            properties.value,
            properties.products,
            properties.currency,
            kinds.rates,
            bounds.max_amount,
        )
    active = not (isinstance(context, Context) and context.active is False)
    message = xxh3_64_intdigest(str(message_id).encode())
    return Event(customer, at, message, kind, amount, active, anonymous, link)


def _link(wire: Wire, customer: str) -> str:
    """The other id of an ``identify`` or ``alias`` about *customer*; an id that stands for nobody links nobody."""
    if wire.type == "identify":
        other = wire.anonymousId
    elif wire.type == "alias":
        other = wire.previousId if wire.previousId is not None else wire.previous_id
    else:
        return ""
    text = str(other) if isinstance(other, str | int) else ""
    return text if text != customer and is_somebody(text) else ""


def is_somebody(text: str) -> bool:
    """Whether an id may identify anybody: no word that clients send when they have none, and not too long.

    Examples:
        >>> is_somebody("u1"), is_somebody(" Undefined")
        (True, False)
    """
    return len(text) <= LONGEST_ID and text.strip().lower() not in JUNK_IDS


def belonging(wire: Wire, at: int, kinds: MeasureMap, bounds: Bounds, received_at: int) -> tuple[str, Kind]:
    """Whose a parsed event is and what it counts as, for those who only pass it on: it costs half of `judge`.

    Args:
        wire: The event as parsed; its timestamp is not looked at.
        at: Its event time (µs).
        kinds: As in `decode`.
        bounds: As in `decode`; the size is not looked at.
        received_at: As in `decode`.

    Returns:
        Customer id and kind, as `judge` finds them.

    Raises:
        Rejected: Exactly when `judge` would.
    """
    message_id = wire.messageId
    if message_id is None or message_id == "":
        raise _without_message_id()
    customer = _customer(wire)
    if not bounds.earliest <= at <= received_at + bounds.max_future:
        raise _unbelievable(at, at / 1000, bounds, received_at)
    kind = kinds.named.get(wire.event) if wire.type == "track" else None
    if kind is None:
        kind = _kind(wire, kinds, "")
    properties = wire.properties
    if kind.amount >= 0 and isinstance(properties, Properties):
        amount_of(
            properties.revenue,
            properties.total,
            properties.value,
            properties.products,
            properties.currency,
            kinds.rates,
            bounds.max_amount,
        )
    return customer, kind


def _without_message_id() -> Rejected:
    return Rejected(
        "missing_message_id", "The event has no messageId; send a text that is unique for each event."
    )


def _customer(wire: Wire) -> str:
    """The customer id: userId, else anonymousId; ids that stand for "nobody" do not count."""
    for given in (wire.userId, wire.anonymousId):
        if given is not None:
            customer = given if isinstance(given, str) else str(given)
            if customer.strip().lower() not in JUNK_IDS:
                if len(customer) > LONGEST_ID:
                    raise Rejected(
                        "too_large",
                        f"The customer id has {len(customer):,} characters; {LONGEST_ID} are accepted.",
                    )
                return customer
    raise Rejected(
        "missing_id",
        f"Neither userId ({wire.userId!r}) nor anonymousId ({wire.anonymousId!r}) identifies anybody; "
        "send one that does.",
    )


def _kind(wire: Wire, kinds: MeasureMap, dotted: str) -> Kind:
    call, name = wire.type, wire.event
    if call is None and dotted:
        return kinds.kind_of_type(dotted)
    if call == "track" and not name:
        raise Rejected(
            "wrong_type", "A track event has no name; say in `event` what happened, such as Order Completed."
        )
    try:
        return kinds.kind(call or "", name)
    except KeyError:
        raise Rejected("wrong_type", f"type is {str(call)[:40]!r}; send one of {', '.join(TYPES)}.") from None


def _unbelievable(at: int, given: Any, bounds: Bounds, received_at: int) -> Rejected:
    if at < bounds.earliest:
        hint = ""
        if isinstance(given, int | float) and bounds.earliest <= at * 1000 <= received_at + bounds.max_future:
            hint = " It looks like seconds; numbers are milliseconds since 1970."
        told = given if at < -62_135_596_800_000_000 else format_instant(at)
        return Rejected(
            "ancient_timestamp",
            f"timestamp {told} lies before {format_instant(bounds.earliest)}, the earliest accepted.{hint}",
        )
    told = given if at > 253_402_300_799_000_000 else format_instant(at)
    return Rejected(
        "future_timestamp",
        f"timestamp {told} lies more than {bounds.max_future // 1_000_000:,} s after its arrival; "
        "check the sender's clock.",
    )


def _unwrap(envelope: Envelope, kinds: MeasureMap, bounds: Bounds, received_at: int) -> Event:
    """Read the payload of a CloudEvents envelope; its attributes fill in what the payload does not say."""
    wire = read(envelope.data)
    modernize(wire)
    if wire.messageId is None:
        wire.messageId = envelope.message_id or None
    if wire.timestamp is None:
        wire.timestamp = envelope.time
    if wire.userId is None and wire.anonymousId is None:
        wire.userId = envelope.customer or None
    if wire.type is None and wire.event is not None:
        wire.type = "track"
    if wire.type is None and not envelope.type:
        raise Rejected(
            "bad_envelope", "Neither the CloudEvents type nor its payload says what happened; send a type."
        )
    return judge(wire, kinds, bounds, received_at, envelope.type)

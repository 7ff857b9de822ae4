"""Which event counts as what: the configured map from event names to measures.

Which event name means which measure is data (``config/measures.toml``); unknown names are nobody's error.
"""

import re
import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, Final

from state.measure_ids import (
    AMOUNTS,
    DERIVED,
    EVENTS,
    MEASURE_IDS,
    MEASURES,
    ORDER_DAYS,
    ORDERS,
    SESSIONS,
    TOPICS,
    TYPES,
)

_SEPARATORS: Final = re.compile(r"[\s_.\-]+")
_MAX_REMEMBERED: Final = 4096
_KIND_KEYS: Final = {"name", "topic", "events", "types", "counts", "amount", "session", "customer"}


class BadMeasures(ValueError):  # noqa: N818 - names the thing that is bad, like the other configuration errors
    """``measures.toml`` says what cannot be meant; the message is one line with file, key and remedy."""


class Kind:
    """What an event of one kind does to a profile; shared by all its events, so compared by identity.

    Attributes:
        name: The kind's name in ``measures.toml``.
        topic: Short name of the source topic that carries it.
        counts: Ids of the measures that get +1; ``events`` is always the first.
        amount: Id of the measure that gets the event's amount, or -1.
        session: Whether the event is a sign of a visit, so that it opens or prolongs a session.
        order: Whether the event is an order.
        is_personal: Whether the event is about a customer; if not, it is kept on its topic and folded into no profile.
        touched: Ids of all measures that the event may change, those that the fold derives included.
    """

    __slots__ = ("amount", "counts", "is_personal", "name", "order", "session", "topic", "touched")

    def __init__(
        self,
        name: str,
        topic: str,
        counts: tuple[int, ...],
        amount: int = -1,
        session: bool = False,
        is_personal: bool = True,
    ) -> None:
        self.name = name
        self.topic = topic
        self.counts = counts
        self.amount = amount
        self.session = session
        self.order = ORDERS in counts
        self.is_personal = is_personal
        derived = {SESSIONS: session, ORDER_DAYS: self.order, amount: amount >= 0}
        self.touched = frozenset(counts).union(measure for measure, does in derived.items() if does)

    def __repr__(self) -> str:
        counted = ", ".join(MEASURES[measure] for measure in self.counts)
        return f"Kind({self.name!r}, topic={self.topic!r}, counts=[{counted}])"


class MeasureMap:
    """Which event name is which kind, as configured; names match in any case and with any separators.

    An unknown name is no error: shops invent names, and the event still shows that somebody is there. It
    counts as one of ``events`` and nothing else.

    Args:
        kinds: Kind by event name, as written in the configuration.
        types: Kind by call type, for the types that carry no event name (``page``, ``screen``).
        rates: Worth of one unit of a currency in the base currency; empty takes every amount at face value.
        default_topic: Short name of the topic for events that no kind names.

    Attributes:
        named: Kind by event name exactly as it is sent: the configured names, and others once they were
            looked up.
        unknown: The kind of every other event.
        rates: As given.

    Examples:
        >>> kinds = MeasureMap.parse('''
        ... [[kind]]
        ... name = "order"
        ... topic = "purchases"
        ... events = ["Order Completed"]
        ... counts = ["orders"]
        ... amount = "revenue"
        ... ''')
        >>> kinds.kind("track", "order_completed")
        Kind('order', topic='purchases', counts=[events, orders])
        >>> kinds.kind("track", "Sofa Inspected")
        Kind('unknown', topic='clickstream', counts=[events])
    """

    __slots__ = ("_known", "_types", "named", "rates", "unknown")

    def __init__(
        self,
        kinds: Mapping[str, Kind],
        types: Mapping[str, Kind] | None = None,
        rates: Mapping[str, float] | None = None,
        default_topic: str = "clickstream",
    ) -> None:
        self.named: dict[str | None, Kind] = {}
        self.named.update(kinds)
        self._known: dict[str, Kind] = {_plain(name): kind for name, kind in kinds.items()}
        self.unknown = Kind("unknown", default_topic, (EVENTS,))
        self._types: dict[str, Kind] = {kind: self.unknown for kind in TYPES if kind != "track"} | dict(
            types or {}
        )
        self.rates: dict[str, float] = {currency.upper(): rate for currency, rate in (rates or {}).items()}

    def kind(self, call: str, name: str | None) -> Kind:
        """The kind of an event: by its name for ``track``, by its type for the others. Constant time.

        Raises:
            KeyError: If *call* is no type of the Segment spec.
        """
        if call != "track" or name is None:
            return self.unknown if call == "track" else self._types[call]
        found = self.named.get(name)
        return found if found is not None else self._look_up(name)

    def kind_of_type(self, dotted: str) -> Kind:
        """The kind of a CloudEvents type such as ``com.example.product.viewed.v1``: its last words decide."""
        found = self.kind("track", dotted)
        if found is not self.unknown:
            return found
        words = re.sub(r"[._-]v\d+$", "", dotted).split(".")
        return self.kind("track", " ".join(words[-2:]))

    def names(self) -> dict[str, Kind]:
        """Every configured event name with its kind."""
        return {name: kind for name, kind in self.named.items() if name and kind is not self.unknown}

    def topic_of(self, call: str, name: str | None) -> str:
        """Short name of the source topic that carries such an event."""
        return self.kind(call, name).topic

    def _look_up(self, name: str) -> Kind:
        """Match *name* regardless of case and separators, and remember the answer within bounds.

        Names come from outside: without the bound a client that invents one a second would fill the memory.
        """
        found = self._known.get(_plain(name), self.unknown)
        if len(self.named) < len(self._known) + _MAX_REMEMBERED and len(name) <= 200:
            self.named[name] = found
        return found

    @classmethod
    def parse(cls, text: str, source: str = "measures.toml") -> "MeasureMap":
        """Build the map from the TOML *text* of the file *source* (named in errors only).

        Raises:
            BadMeasures: If the text is no TOML, or a key, measure, topic, type or rate is not what it must
            be.
        """
        try:
            data = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise BadMeasures(f"{source}: not valid TOML: {error}") from None
        _refuse_unknown(data, {"kind", "rates", "default_topic"}, source)
        kinds: dict[str, Kind] = {}
        types: dict[str, Kind] = {}
        owners: dict[str, str] = {}
        for position, entry in enumerate(data.get("kind", ()), 1):
            where = f"{source}: kind {entry.get('name', position)!r}"
            kind = _parse_kind(entry, where)
            for name in entry.get("events", ()):
                owner = owners.setdefault(_plain(str(name)), kind.name)
                if owner != kind.name:
                    raise BadMeasures(
                        f"{where}: event {name!r} already belongs to kind {owner!r}; name it once"
                    )
                kinds[str(name)] = kind
            for call in entry.get("types", ()):
                types[_one_of(call, [t for t in TYPES if t != "track"], where, "types")] = kind
        topic = _one_of(data.get("default_topic", "clickstream"), TOPICS, source, "default_topic")
        return cls(kinds, types, _parse_rates(data.get("rates", {}), source), topic)


def _plain(name: str) -> str:
    """An event name without case and separators: ``orderCompleted`` and ``Order Completed`` are one."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    return _SEPARATORS.sub(" ", spaced).strip(" $").casefold()


def _parse_kind(entry: Mapping[str, Any], where: str) -> Kind:
    _refuse_unknown(entry, _KIND_KEYS, where)
    if not isinstance(entry.get("name"), str):
        raise BadMeasures(f"{where}: needs a name")
    countable = [m for m in MEASURES if MEASURE_IDS[m] not in AMOUNTS | DERIVED]
    counts = tuple(MEASURE_IDS[_one_of(name, countable, where, "counts")] for name in entry.get("counts", ()))
    summable = [MEASURES[measure] for measure in sorted(AMOUNTS)]
    amount = MEASURE_IDS[_one_of(entry["amount"], summable, where, "amount")] if "amount" in entry else -1
    topic = _one_of(entry.get("topic"), TOPICS, where, "topic")
    session, customer = _truth(entry, "session", where), _truth(entry, "customer", where, otherwise=True)
    if not customer and (counts or amount >= 0 or session):
        raise BadMeasures(
            f"{where}: customer is false, so it can count nothing; leave counts, amount and session out"
        )
    return Kind(entry["name"], topic, (EVENTS, *counts), amount, session, customer)


def _truth(entry: Mapping[str, Any], key: str, where: str, *, otherwise: bool = False) -> bool:
    value = entry.get(key, otherwise)
    if not isinstance(value, bool):
        raise BadMeasures(f"{where}: {key} is {value!r}; write true or false")
    return value


def _parse_rates(rates: Any, source: str) -> dict[str, float]:
    if not isinstance(rates, dict):
        raise BadMeasures(f"{source}: rates must be a table such as [rates] EUR = 1.08")
    for currency, rate in rates.items():
        if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 < rate < 1e9:
            raise BadMeasures(
                f"{source}: rates.{currency} is {rate!r}; write what one {currency} is worth, above 0"
            )
    return {currency: float(rate) for currency, rate in rates.items()}


def _refuse_unknown(table: Mapping[str, Any], known: set[str], where: str) -> None:
    for key in table:
        if key not in known:
            raise BadMeasures(f"{where}: unknown key {key!r}{_suggestion(key, known)}")


def _one_of(value: Any, allowed: Any, where: str, key: str) -> str:
    if not isinstance(value, str) or value not in allowed:
        hint = _suggestion(value, allowed) or f"; one of {', '.join(sorted(allowed))}"
        raise BadMeasures(f"{where}: {key} does not know {value!r}{hint}")
    return value


def _suggestion(word: Any, allowed: Any) -> str:
    near = get_close_matches(str(word), list(allowed), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""

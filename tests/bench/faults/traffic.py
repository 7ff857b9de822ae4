"""Seeded events of a small shop, with what arithmetic says of each customer afterwards."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import accumulate
from random import Random
from typing import Any, NamedTuple

from state import DAY, HOUR, format_instant

LIFECYCLE = """
name = "retail-faults"

[[stage]]
name = "prospect"

[[stage]]
name = "customer"
enter = "orders >= 1"
actions = ["welcome series", "usage guide"]

[[stage]]
name = "loyal"
enter = "orders_180d >= 3 and avg_order_value > 20"
leave = "days_since_last_order > 60"
min_dwell = "3d"

[[stage]]
name = "lapsed"
enter = "orders >= 1 and days_since_last_order >= 45"
lost = true
"""

#: Weight, topic, event name.
_MIX = (
    (40, "clickstream", "Product Viewed"),
    (8, "clickstream", "Product Added"),
    (20, "email", "Email Opened"),
    (6, "email", "Email Link Clicked"),
    (18, "purchases", "Order Completed"),
    (2, "purchases", "Order Refunded"),
    (2, "social", "Product Shared"),
    (4, "ads", "Ad Clicked"),
)
_WEIGHTS = [kind[0] for kind in _MIX]
_MICRO = 1_000_000


class Worth(NamedTuple):
    """What an event adds to the totals of its customer: events, orders, revenue in micro-units."""

    events: int = 0
    orders: int = 0
    revenue: int = 0


class Planned(NamedTuple):
    """A record to send.

    Attributes:
        at: Event time (µs); None for what has none.
        topic: Short name.
        key: Kafka key.
        value: The wire format, or something else.
        worth: What it must add, if it is no duplicate.
        partition: Where it goes; by default where murmur2 of the key puts it.
        refused: The reason for which it must become a dead letter; empty for what must be folded.
    """

    at: int | None
    topic: str
    key: bytes | None
    value: bytes | None
    worth: Worth = Worth()
    partition: int | None = None
    refused: str = ""


def shop(
    seed: int, count: int, customers: int, end: int, *, span: int = 200 * DAY, name: str = "c"
) -> list[Planned]:
    """Events of *span* µs up to *end*, in order; few customers cause most of them."""
    random = Random(seed)
    weights = [1 / (rank + 5) ** 0.9 for rank in range(customers)]
    ranks = random.choices(range(customers), weights, k=count)
    kinds = random.choices(_MIX, _WEIGHTS, k=count)
    instants = sorted(end - random.randrange(span) // 1000 * 1000 for _ in range(count))
    return [
        event(f"{seed}-{name}-{number}", f"{name}{rank}", kind[1], kind[2], at, 5 + random.randrange(100))
        for number, (rank, kind, at) in enumerate(zip(ranks, kinds, instants, strict=True))
    ]


def endless(
    seed: int, rate: float, slices: int, every: float, customers: int, start: int, span: int
) -> Iterator[tuple[list[Planned], int]]:
    """The same shop for a long time: slices of *every* seconds that cover *span* µs from *start*, made when asked for."""
    random = Random(seed)
    weights = list(accumulate(1 / (rank + 5) ** 0.9 for rank in range(customers)))
    kind_weights = list(accumulate(_WEIGHTS))
    ranks, length, count = range(customers), span // slices, round(rate * every)
    for number in range(slices):
        begin = start + number * length
        instants = sorted(begin + random.randrange(length) // 1000 * 1000 for _ in range(count))
        chosen = random.choices(ranks, cum_weights=weights, k=count)
        kinds = random.choices(_MIX, cum_weights=kind_weights, k=count)
        planned = [
            event(f"{seed}-e{number}-{i}", f"c{rank}", kind[1], kind[2], at, 5 + random.randrange(100))
            for i, (rank, kind, at) in enumerate(zip(chosen, kinds, instants, strict=True))
        ]
        yield planned, begin + length - 1


def event(message: str, customer: str, topic: str, name: str, at: int, amount: int = 10) -> Planned:
    """A track event as shops send it."""
    is_order = name == "Order Completed"
    properties: dict[str, Any] = {"product_id": f"p{amount}"}
    if topic == "purchases":
        properties["revenue"] = amount + 0.5
    value = {
        "messageId": message, "type": "track", "event": name, "userId": customer, "timestamp": format_instant(at),
        "properties": properties,
    }  # fmt: skip
    worth = Worth(1, int(is_order), amount * _MICRO + _MICRO // 2 if is_order else 0)
    return Planned(at, topic, customer.encode(), json.dumps(value).encode(), worth)


def disordered(planned: Sequence[Planned], seed: int, *, within: int = HOUR * 11 // 12) -> list[Planned]:
    """The same events, each up to *within* µs of event time behind its place."""
    random = Random(seed)
    return sorted(planned, key=lambda each: (each.at or 0) + random.randrange(within))


def doubled(planned: Sequence[Planned], seed: int, share: float) -> list[Planned]:
    """The same events with a share of them sent again, a few records later."""
    random = Random(seed)
    again: list[tuple[int, Planned]] = [(2 * place, each) for place, each in enumerate(planned)]
    for place, each in enumerate(planned):
        if random.random() < share:
            again.append((2 * (place + random.randrange(15)) + 1, each._replace(worth=Worth())))
    return [each for _, each in sorted(again, key=lambda pair: pair[0])]


_GOOD = {
    "messageId": "m",
    "type": "track",
    "event": "Product Viewed",
    "userId": "p",
    "timestamp": 1_500_000_000_000,
}


def _spoilt(**more: Any) -> bytes:
    return json.dumps({**_GOOD, **more}).encode()


#: Records that must become dead letters, and the reason that must stand there.
SPOILT: tuple[tuple[str, bytes | None], ...] = (
    ("null_value", None),
    ("invalid_json", b""),
    ("invalid_json", b"\xff\xfe not JSON"),
    ("invalid_json", b'{"messageId": "m"'),
    ("wrong_type", b"[1, 2]"),
    ("wrong_type", b'"text"'),
    ("invalid_json", b"{" * 5000),
    ("missing_id", _spoilt(userId=None)),
    ("wrong_type", _spoilt(userId={"a": 1})),
    ("wrong_type", _spoilt(messageId=7.5)),
    ("bad_timestamp", _spoilt(timestamp="yesterday")),
    ("ancient_timestamp", _spoilt(timestamp="1066-10-14T09:00:00Z")),
    ("future_timestamp", _spoilt(timestamp="2999-01-01T00:00:00Z")),
    ("bad_amount", _spoilt(event="Order Completed", properties={"revenue": "NaN"})),
    ("bad_envelope", b'{"specversion": "9.9", "type": "x", "source": "y", "id": "z", "data": 5}'),
)


def poison(seed: int, count: int, partitions: int) -> list[Planned]:
    """Records that must become dead letters, of every kind."""
    random = Random(seed)
    records = []
    for number in range(count):
        reason, value = SPOILT[number % len(SPOILT)]
        partition = random.randrange(partitions)
        records.append(Planned(None, "clickstream", b"nobody", value, partition=partition, refused=reason))
    large = _spoilt(properties={"text": "x" * 5_000_000})
    return [*records, Planned(None, "clickstream", b"p", large, refused="too_large")]


def mixed(planned: Sequence[Planned], others: Sequence[Planned], seed: int) -> list[Planned]:
    """Others strewn among the planned, whose order stays."""
    random = Random(seed)
    places = sorted(random.randrange(len(planned) + 1) for _ in others)
    result, start = [], 0
    for place, other in zip(places, others, strict=True):
        result += [*planned[start:place], other]
        start = place
    return [*result, *planned[start:]]


class Tally:
    """What must come of everything sent, by arithmetic alone.

    Attributes:
        records: How many there are.
        worth: What every customer must have in the end.
        refused: Records that must become dead letters, by reason.
    """

    def __init__(self) -> None:
        self.records = 0
        self.worth: dict[str, Worth] = {}
        self.refused: Counter[str] = Counter()

    def add(self, planned: Sequence[Planned]) -> None:
        """Count some more."""
        self.records += len(planned)
        for each in planned:
            if each.refused:
                self.refused[each.refused] += 1
            if each.worth.events:
                customer = (each.key or b"").decode()
                before = self.worth.get(customer, Worth())
                self.worth[customer] = Worth(*(a + b for a, b in zip(before, each.worth, strict=True)))

"""Seeded events of a small shop, with what arithmetic says of each customer afterwards."""

import json
from collections.abc import Iterable, Sequence
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
    """

    at: int | None
    topic: str
    key: bytes | None
    value: bytes | None
    worth: Worth = Worth()
    partition: int | None = None


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


def poison(seed: int, count: int, partitions: int) -> list[Planned]:
    """Records that must become dead letters, of every kind."""
    random = Random(seed)
    good = {
        "messageId": "m",
        "type": "track",
        "event": "Product Viewed",
        "userId": "p",
        "timestamp": 1_500_000_000_000,
    }
    made: list[bytes | None] = [
        None,
        b"",
        b"\xff\xfe not JSON",
        b'{"messageId": "m"',
        b"[1, 2]",
        b'"text"',
        b"{" * 5000,
        json.dumps({**good, "userId": None}).encode(),
        json.dumps({**good, "userId": {"a": 1}}).encode(),
        json.dumps({**good, "messageId": 7.5}).encode(),
        json.dumps({**good, "timestamp": "yesterday"}).encode(),
        json.dumps({**good, "timestamp": "1066-10-14T09:00:00Z"}).encode(),
        json.dumps({**good, "timestamp": "2999-01-01T00:00:00Z"}).encode(),
        json.dumps({**good, "event": "Order Completed", "properties": {"revenue": "NaN"}}).encode(),
        json.dumps({"specversion": "9.9", "type": "x", "source": "y", "id": "z", "data": 5}).encode(),
    ]
    records = [
        Planned(
            None, "clickstream", b"nobody", made[number % len(made)], partition=random.randrange(partitions)
        )
        for number in range(count)
    ]
    large = json.dumps({**good, "properties": {"text": "x" * 5_000_000}}).encode()
    return [*records, Planned(None, "clickstream", b"p", large)]


def mixed(planned: Sequence[Planned], others: Sequence[Planned], seed: int) -> list[Planned]:
    """Others strewn among the planned, whose order stays."""
    random = Random(seed)
    places = sorted(random.randrange(len(planned) + 1) for _ in others)
    result, start = [], 0
    for place, other in zip(places, others, strict=True):
        result += [*planned[start:place], other]
        start = place
    return [*result, *planned[start:]]


def totals(planned: Iterable[Planned]) -> dict[str, Worth]:
    """What every customer must have in the end, by arithmetic alone."""
    found: dict[str, Worth] = {}
    for each in planned:
        if each.worth.events:
            customer = (each.key or b"").decode()
            before = found.get(customer, Worth())
            found[customer] = Worth(*(a + b for a, b in zip(before, each.worth, strict=True)))
    return found

"""The events of a shop, in any number, and the customers with the histories that they bring along.

A few customers are very active and most are rare (Zipf-like), as in every shop. All of it follows from a seed and
one instant, so every process that needs the same events makes them anew instead of being sent them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from random import Random

from aiokafka.partitioner import murmur2

from state import DAY, HOUR, format_instant
from stream_app.topics import SOURCES

SEED = 7
EXPONENT, SHIFT = 0.9, 20
"""Customer of rank *r* is chosen with weight ``1 / (r + SHIFT) ** EXPONENT``: of 200,000 customers the most active tenth
causes two thirds of the events, and the single most active one 0.4 % of them."""

_CLICK, _EMAIL, _PURCHASES, _SERVICE, _SOCIAL, _ADS = range(len(SOURCES))

#: Weight, topic, type, name and properties; ``{n}`` is a number that differs from event to event. No event whose place
#: among others of the same hour decides about a stage: contenders evaluate after one event or after many, and all must
#: arrive at the same stages.
MIX: tuple[tuple[int, int, str, str, str], ...] = (
    (400, _CLICK, "page", "Home", '{{"url":"https://shop.example/c/{n}","title":"Catalogue","referrer":""}}'),
    (
        290,
        _CLICK,
        "track",
        "Product Viewed",
        '{{"product_id":"p{n}","category":"garden","price":19.99,"currency":"EUR"}}',
    ),
    (
        40,
        _CLICK,
        "track",
        "Product Added",
        '{{"cart_id":"c{n}","product_id":"p{n}","price":19.99,"quantity":1}}',
    ),
    (20, _CLICK, "track", "Checkout Started", '{{"order_id":"o{n}","value":39.98}}'),
    (90, _EMAIL, "track", "Email Delivered", '{{"campaign_id":"w{n}","email_subject":"News of the week"}}'),
    (50, _EMAIL, "track", "Email Opened", '{{"campaign_id":"w{n}","email_subject":"News of the week"}}'),
    (
        15,
        _EMAIL,
        "track",
        "Email Link Clicked",
        '{{"campaign_id":"w{n}","link_url":"https://shop.example/p/{n}"}}',
    ),
    (
        40,
        _PURCHASES,
        "track",
        "Order Completed",
        '{{"order_id":"o{n}","revenue":{n}.5,"currency":"EUR","products":[{{"product_id":"p{n}","price":{n}.5,"quantity":1}}]}}',
    ),
    (2, _PURCHASES, "track", "Order Refunded", '{{"order_id":"o{n}","revenue":{n}.5}}'),
    (8, _SERVICE, "track", "Ticket Updated", '{{"ticket_id":"t{n}"}}'),
    (10, _SOCIAL, "track", "Product Shared", '{{"share_via":"email","product_id":"p{n}"}}'),
    (5, _SOCIAL, "track", "Product Reviewed", '{{"product_id":"p{n}","rating":5}}'),
    (30, _ADS, "track", "Ad Clicked", '{{"campaign":"autumn","placement":"search"}}'),
)
ORDER = next(index for index, kind in enumerate(MIX) if kind[3] == "Order Completed")
_NUMBERS = 89  # distinct values of ``{n}``
_CONTEXT = '"context":{"library":{"name":"analytics.js","version":"4.2.1"},"ip":"203.0.113.7"}'


def _label(call: str, name: str) -> str:
    return f'"type":"{call}","{"name" if call == "page" else "event"}":"{name}"'


_HEADS = [_label(call, name) for _, _, call, name, _ in MIX]
_TAILS = [[f'"properties":{kind[4].format(n=5 + n)},{_CONTEXT}}}' for n in range(_NUMBERS)] for kind in MIX]


@dataclass(frozen=True)
class Sent:
    """One event as it is sent.

    Args:
        source: Index of its topic in `SOURCES`.
        rank: Rank of the customer, 0 for the most active.
        customer: Customer id.
        value: The wire format.
    """

    __slots__ = ("customer", "rank", "source", "value")
    source: int
    rank: int
    customer: str
    value: bytes


def partition_of(customer: str, partitions: int) -> int:
    """Partition of a customer, as every Kafka client computes it."""
    return int((murmur2(customer.encode()) & 0x7FFFFFFF) % partitions)


def event(kind: int, number: int, message: str, customer: str, moment: str) -> bytes:
    """The wire format of one event of the mix."""
    return (
        f'{{"messageId":"{message}",{_HEADS[kind]},"userId":"{customer}","timestamp":"{moment}",'
        f"{_TAILS[kind][number % _NUMBERS]}"
    ).encode()


class Population:
    """Customers by rank.

    Args:
        size: How many.
        partitions: Of the source topics.
        shares: Relative size of each partition; by default the ids fall as they fall, which is evenly.
    """

    def __init__(self, size: int, partitions: int, shares: tuple[int, ...] = ()) -> None:
        self.size = size
        self.partitions = partitions
        self.shares = shares
        self.ids = (
            [self._id(rank) for rank in range(size)]
            if shares
            else [f"customer-{rank}" for rank in range(size)]
        )
        self.cumulative = list(accumulate(1 / (rank + SHIFT) ** EXPONENT for rank in range(size)))

    def _id(self, rank: int) -> str:
        """An id that falls into the partition that the shares say."""
        wanted = Random(f"partition {rank}").choices(range(self.partitions), self.shares)[0]
        number = 0
        while partition_of(f"customer-{rank}-{number}", self.partitions) != wanted:
            number += 1
        return f"customer-{rank}-{number}"

    def template_of(self, rank: int, templates: int) -> int:
        """Which history a customer brings along; the most active bring the longest."""
        return min(int((rank / self.size) ** 0.35 * templates), templates - 1)


def live(
    population: Population, count: int, until: int, *, seed: int = SEED, span: int = HOUR
) -> Iterator[Sent]:
    """Yield *count* events whose event times fill the *span* (µs) before *until*, in order."""
    random = Random(seed)
    kinds, weights = range(len(MIX)), list(accumulate(kind[0] for kind in MIX))
    ids, cumulative = population.ids, population.cumulative
    ranks = range(population.size)
    second, moment = 0, ""
    for start in range(0, count, 10_000):
        length = min(10_000, count - start)
        chosen = random.choices(ranks, cum_weights=cumulative, k=length)
        drawn = random.choices(kinds, cum_weights=weights, k=length)
        for number, (rank, kind) in enumerate(zip(chosen, drawn, strict=True), start):
            at = until - span + span * number // count
            if at // 1_000_000 != second:
                second = at // 1_000_000
                moment = format_instant(second * 1_000_000)[:-1]
            customer = ids[rank]
            value = event(kind, number, f"m{seed}-{number}", customer, f"{moment}.{at // 1000 % 1000:03}Z")
            yield Sent(MIX[kind][1], rank, customer, value)


def history(random: Random, customer: str, count: int, start: int, end: int) -> list[bytes]:
    """A customer's past: *count* events between two instants (µs), in order, in visits of some minutes."""
    weights = list(accumulate(kind[0] for kind in MIX))
    instants: list[int] = []
    while len(instants) < count:
        visit = random.randrange(start, end - DAY // 4)
        instants += [visit + random.randrange(DAY // 8) // 1000 * 1000 for _ in range(random.randint(1, 8))]
    kinds = random.choices(range(len(MIX)), cum_weights=weights, k=count)
    return [
        event(kind, number, f"{customer}-{number}", customer, format_instant(at))
        for number, (at, kind) in enumerate(zip(sorted(instants[:count]), kinds, strict=True))
    ]

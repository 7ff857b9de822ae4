"""Customers who were there before the shop opened, so that every greeting can be seen at once.

They are invented, and so is their past: it is told to the gateway as a shop that moves in tells its history.
"""

from collections.abc import Iterator
from hashlib import blake2b
from typing import Any, Final, NamedTuple

from state import DAY, format_instant
from stream_app.shop.basket import basket_of
from stream_app.shop.catalogue import PRODUCTS
from stream_app.shop.reports import Report, order_completed, product_added, product_viewed


class Customer(NamedTuple):
    """Who is logged in.

    Attributes:
        id: The customer id of every event.
        name: For greetings.
        email: What they log in with.
    """

    id: str
    name: str
    email: str


class Person(NamedTuple):
    """A prepared customer.

    Attributes:
        customer: Who it is.
        stage: At which they stand today.
        story: Why, for the log-in page.
        past: What they did, and how many days ago.
        cart: What is still in their cart.
    """

    customer: Customer
    stage: str
    story: str
    past: tuple[tuple[float, Report], ...]
    cart: dict[str, int]


def _bought(days: float, number: str, **cart: int) -> tuple[float, Report]:
    return days, order_completed(number, basket_of(cart))


PEOPLE: Final = (
    Person(
        Customer("shop-cleo", "Cleo", "cleo@example.com"),
        "cart-left",
        "filled a cart yesterday and left",
        (
            (1.02, product_viewed(PRODUCTS["oolong"])),
            (1.01, product_viewed(PRODUCTS["bowl"])),
            (1.0, product_added(PRODUCTS["oolong"], 1)),
        ),
        {"oolong": 1},
    ),
    Person(
        Customer("shop-mia", "Mia", "mia@example.com"),
        "new-customer",
        "bought for the first time five days ago",
        ((5.02, product_viewed(PRODUCTS["sencha"])), _bought(5.0, "K-1301", sencha=1)),
        {},
    ),
    Person(
        Customer("shop-nora", "Nora", "nora@example.com"),
        "loyal",
        "bought four times within half a year",
        (
            _bought(160.0, "K-1102", assam=2),
            _bought(104.0, "K-1178", kyusu=1, sencha=1),
            _bought(53.0, "K-1240", oolong=1, assam=1),
            _bought(9.0, "K-1297", sencha=2, bowl=1),
        ),
        {},
    ),
    Person(
        Customer("shop-liam", "Liam", "liam@example.com"),
        "lapsed",
        "bought twice, the last time half a year ago",
        (_bought(230.0, "K-0931", rooibos=1), _bought(190.0, "K-0990", whisk=1, bowl=1)),
        {},
    ),
)
BY_EMAIL: Final = {person.customer.email: person for person in PEOPLE}


def customer_of(email: str, name: str = "") -> Customer:
    """Who logs in with an address: one of the prepared, or somebody new with an id made of it.

    Examples:
        >>> customer_of(" Nora@Example.com ").id, customer_of("ada@example.com", "Ada").name
        ('shop-nora', 'Ada')
    """
    address = email.strip().lower()
    if address in BY_EMAIL:
        return BY_EMAIL[address].customer
    number = blake2b(address.encode(), digest_size=6).hexdigest()
    return Customer(f"shop-{number}", name.strip() or address.partition("@")[0].capitalize(), address)


def history(now: int) -> Iterator[dict[str, Any]]:
    """The past of all prepared customers as events of the Segment spec, each customer's in order.

    Args:
        now: Instant (µs) from which the days are counted back.

    Examples:
        >>> first = next(history(1_800_000_000_000_000))
        >>> first["userId"], first["event"], first["timestamp"]
        ('shop-cleo', 'Product Viewed', '2027-01-14T07:31:12Z')
    """
    for person in PEOPLE:
        for number, (days, report) in enumerate(person.past):
            yield {
                "type": "track",
                "messageId": f"{person.customer.id}-{number}",
                "userId": person.customer.id,
                "event": report.event,
                "timestamp": format_instant(now - int(days * DAY)),
                "properties": report.properties,
            }

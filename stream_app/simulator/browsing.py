"""Simulated visits to the shop: before orders, and for no reason at all."""

import math
from collections.abc import Iterator

from stream_app.simulator.touch import DAY, HOUR, MINUTE, SECOND, Order, Person, Touch

_PRODUCTS = 3_000
_WARM_RATE, _WARM_HALF_LIFE, _IDLE_RATE = 0.035, 25 * DAY, 0.004
"""Visits a day right after an order, how fast that habit halves, and visits a day that never stop."""


def visit(person: Person, at: int, *, abandons: float = 0.25) -> Iterator[Touch]:
    """Look around from *at* on; with probability *abandons* fill a cart and leave it."""
    dice = person.dice
    if person.happens(0.4):
        yield Touch(at, dice.choice(("/Home", "/Search", "/Gifts", "/Offers")), {})
    product = ""
    for _ in range(1 + person.times(0.8)):
        at += person.after(45 * SECOND)
        product = _product(person)
        yield Touch(at, "Product Viewed", {"product_id": product})
    if person.happens(abandons):
        at += person.after(20 * SECOND)
        yield Touch(at, "Product Added", {"product_id": product})


def before_order(person: Person, order: Order, earliest: int) -> Iterator[Touch]:
    """Visit shortly before a real order: mostly the session that ends in it, sometimes days ahead.

    Nothing is placed before *earliest*, nor at or after the order.
    """
    if person.happens(0.25):
        at = order.at - HOUR - person.after(2 * DAY)
        yield from _within(visit(person, at, abandons=0.3), earliest, order.at)
    if not person.happens(0.8):
        return  # ordered by telephone, or by a buyer whom the site did not recognise
    at = order.at - 2 * MINUTE - person.after(8 * MINUTE)
    yield from _within(visit(person, at, abandons=0.8), earliest, order.at)
    yield from _within(
        iter([Touch(order.at - person.after(MINUTE), "Checkout Started", {})]), earliest, order.at
    )


def idle(person: Person, since: int, until: int) -> Iterator[Touch]:
    """Visit between one order and the next, or the end.

    How often depends on the silence so far, never on what comes.
    The rate falls from a habit after the order to a trickle, so that browsing hints at loyalty and proves
    nothing.
    """
    length = (until - since) / DAY
    half_life = _WARM_HALF_LIFE / DAY
    scale = half_life / math.log(2)
    warm = _WARM_RATE * scale * (1.0 - 2.0 ** (-length / half_life))
    cold = _IDLE_RATE * length
    for _ in range(person.times(person.curiosity * (warm + cold))):
        draw = person.dice.random()
        if person.happens(warm / (warm + cold)):
            share = draw * (1.0 - 2.0 ** (-length / half_life))
            days = -scale * math.log1p(-share)
        else:
            days = draw * length
        yield from _within(visit(person, since + int(days * DAY)), since, until)


def _within(touches: Iterator[Touch], earliest: int, end: int) -> Iterator[Touch]:
    return (touch for touch in touches if earliest <= touch.at < end)


def _product(person: Person) -> str:
    # squared: a few products get most of the views
    return f"p{int(person.dice.random() ** 2 * _PRODUCTS)}"

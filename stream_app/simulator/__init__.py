"""Adds simulated touches to real orders: browsing, e-mail, and a little service, social and advertising.

No public data set links browsing, e-mail and purchases of the same person. So the orders of this stream are
real and unchanged, and everything around them is drawn at random here: each such event has
`context.simulated: true`, an id that begins with `simulated-`, and whoever shows it says that it is
simulated.

What it assumes, and what may therefore be concluded from it:

- The past drives the touches. Idle visits, opened e-mails, unsubscribing, praise and tickets depend on the
  orders *so far* and on traits drawn without looking at the orders. Customers who will never buy again go on
  browsing and reading for a while like everyone else.
- The one look ahead is the visit that ends in an order, mostly minutes and at most some days before it, as in
  a real shop. A visit is therefore evidence of an order within days, and says next to nothing about 90 days:
  churn does not become trivial.
- Only buyers are known to the real set, so everybody who is seen before a first order does buy. Conversion of
  prospects must not be judged on this stream.
- Rates (visits, open and click rates, tickets) are of the usual order of magnitude of retail, and not fitted
  to anything.

Touches of a customer depend on the seed, on the customer's id and orders, and on the first and last instant
of the source: nothing else.
"""

from collections.abc import Iterable, Iterator
from operator import itemgetter

import msgspec

from stream_app.simulator.browsing import before_order, idle
from stream_app.simulator.newsletter import newsletter
from stream_app.simulator.relations import advertisement, praise, service
from stream_app.simulator.touch import DAY, HOUR, Order, Person, Touch
from stream_app.sources.record import Record, TopicOf
from stream_app.sources.wire import page, track

__all__ = ["Order", "Touch", "simulate_touches", "touches_of"]

SEED = 20091201
"""Used unless told otherwise: the first day of the bundled orders."""


_MILLISECOND = 1_000
"""Clients stamp milliseconds."""


class _Name(msgspec.Struct):
    event: str = ""


_name = msgspec.json.Decoder(_Name).decode
_ORDERS = {"Order Completed": False, "Order Refunded": True}


def simulate_touches(orders: Iterable[Record], topic_of: TopicOf, seed: int = SEED) -> Iterator[Record]:
    """Yield the real records, unchanged, and the simulated touches around them, by event time.

    Of events at the same instant the real one comes first. Touches lie between 00:00 UTC of the day of the
    source's first event and its last event.

    Args:
        orders: Records of real orders; others pass through.
        topic_of: Chooses the topic of a simulated event.
        seed: The same seed gives the same stream, byte for byte.
    """
    real = sorted(orders, key=itemgetter(0))
    if not real:
        return
    start, end = real[0].at // DAY * DAY, real[-1].at
    merged: list[tuple[int, int, int, str, Touch | Record]] = [
        (record.at, 0, number, "", record) for number, record in enumerate(real)
    ]
    for customer, history in _histories(real).items():
        touches = touches_of(customer, history, start, end, seed)
        merged.extend((touch.at, 1, number, customer, touch) for number, touch in enumerate(touches, 1))
    merged.sort(key=itemgetter(0, 1, 3, 2))
    for _, _, number, customer, item in merged:
        yield item if isinstance(item, Record) else _record(customer, number, item, topic_of)


def touches_of(customer: str, history: list[Order], start: int, end: int, seed: int = SEED) -> list[Touch]:
    """Draw the touches of one customer, in time order, from *start* to *end* inclusive.

    Args:
        customer: The id; with the seed it decides the dice.
        history: Real orders and returns by time, at least one.
        start: Nothing happens before this instant (microseconds since 1970 UTC).
        end: Nor after this one.
        seed: Of the whole simulation.
    """
    person = Person.draw(seed, customer)
    touches = [
        touch._replace(at=touch.at - touch.at % _MILLISECOND)
        for touch in _all_touches(person, history, start, end)
        if start <= touch.at <= end
    ]
    touches.sort(key=itemgetter(0))
    return touches


def _all_touches(person: Person, history: list[Order], start: int, end: int) -> Iterator[Touch]:
    purchases = [order for order in history if not order.is_return]
    for order in history:
        if order.is_return:
            yield from service(person, order.at, is_return=True)
    if not purchases:
        return
    yield from advertisement(person, purchases[0].at, start)
    previous = start
    for number, order in enumerate(purchases, 1):
        if order.at - previous >= 2 * HOUR:
            yield from before_order(person, order, previous)
        yield from service(person, order.at, is_return=False)
        yield from praise(person, order.at, number)
        previous = order.at
        yield from idle(person, order.at, purchases[number].at if number < len(purchases) else end)
    if person.subscribed:
        yield from newsletter(person, purchases, end)


def _histories(records: list[Record]) -> dict[str, list[Order]]:
    histories: dict[str, list[Order]] = {}
    for record in records:
        is_return = _ORDERS.get(_name(record.value).event)
        if is_return is not None:
            histories.setdefault(record.customer, []).append(Order(record.at, is_return))
    return histories


def _record(customer: str, number: int, touch: Touch, topic_of: TopicOf) -> Record:
    message_id = f"simulated-{customer}-{number}"
    if touch.event.startswith("/"):
        name = touch.event[1:]
        value = page(message_id, customer, touch.at, name, simulated=True)
        return Record(touch.at, topic_of("page", ""), customer, value)
    value = track(message_id, customer, touch.at, touch.event, touch.properties, simulated=True)
    return Record(touch.at, topic_of("track", touch.event), customer, value)

"""Simulated touches around the shop: tickets after returns, praise by the loyal, early advertisements."""

from collections.abc import Iterator

from stream_app.simulator.touch import DAY, HOUR, Person, Touch

_LOYAL_FROM, _ADVOCATE_FROM = 3, 5
"""Orders so far at which people start to speak about a shop, and to bring others."""


def service(person: Person, at: int, *, is_return: bool) -> Iterator[Touch]:
    """Ask for help after a return (often) or an order (rarely), and sometimes say how it went."""
    if not person.happens(0.15 if is_return else 0.008):
        return
    at += person.after(DAY)
    yield Touch(at, "Ticket Created", {"topic": "return" if is_return else "delivery"})
    at += person.after(DAY)
    yield Touch(at, "Ticket Closed", {})
    if person.happens(0.3):
        at += person.after(DAY)
        yield Touch(at, "Feedback Submitted", {"score": 1 + int(person.dice.random() * 5)})


def praise(person: Person, at: int, orders_so_far: int) -> Iterator[Touch]:
    """Review, share or refer after an order, the more readily the more orders there have been."""
    if orders_so_far < _LOYAL_FROM:
        return
    if person.happens(min(0.5, 0.04 * person.voice)):
        yield Touch(
            at + 3 * DAY + person.after(5 * DAY),
            "Product Reviewed",
            {"rating": 3 + int(person.dice.random() * 3)},
        )
    if person.happens(min(0.5, 0.02 * person.voice)):
        yield Touch(at + person.after(3 * DAY), "Product Shared", {"share_via": "email"})
    if orders_so_far >= _ADVOCATE_FROM and person.happens(min(0.5, 0.012 * person.voice)):
        yield Touch(at + person.after(5 * DAY), "Referral Sent", {})


def advertisement(person: Person, first_order: int, earliest: int) -> Iterator[Touch]:
    """See advertisements in the days before the first order; some are clicked."""
    at = first_order
    for _ in range(1 + person.times(1.0)):
        at -= HOUR + person.after(3 * DAY)
        if at < earliest:
            return
        yield Touch(at, "Ad Viewed", {"campaign_id": "acquisition"})
        if person.happens(0.2):
            yield Touch(
                min(at + person.after(HOUR), first_order - 1), "Ad Clicked", {"campaign_id": "acquisition"}
            )

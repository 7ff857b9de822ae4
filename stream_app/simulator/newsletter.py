"""The simulated newsletter: sent every Thursday, opened by those who are still warm, ended by others."""

from collections.abc import Generator, Iterator, Sequence

from stream_app.simulator.browsing import visit
from stream_app.simulator.touch import DAY, HOUR, MINUTE, Order, Person, Touch, warmth

WEEK = 7 * DAY
_FIRST_THURSDAY = 10 * HOUR
"""1970-01-01 was a Thursday: issue n goes out n weeks after its ten o'clock."""
_RARELY_AFTER, _STOPS_AFTER = 90 * DAY, 365 * DAY
"""After so much silence every fourth issue is sent, then none: a sender keeps its reputation so."""


def newsletter(person: Person, orders: Sequence[Order], end: int) -> Iterator[Touch]:
    """Deliver issues from the first order to *end*; each reaction depends on the orders before it only."""
    position = 0
    number = 1 + (orders[0].at - _FIRST_THURSDAY) // WEEK
    while (sent := _FIRST_THURSDAY + number * WEEK) <= end:
        while position + 1 < len(orders) and orders[position + 1].at <= sent:
            position += 1
        silence = sent - orders[position].at
        if silence > _STOPS_AFTER and position + 1 == len(orders):
            return
        if silence <= _RARELY_AFTER or (number % 4 == 0 and silence <= _STOPS_AFTER):
            at = sent + int(person.dice.random() * 30 * MINUTE)
            yield Touch(at, "Email Delivered", _issue(number))
            leaves = yield from _reaction(person, at, number, warmth(silence, 90 * DAY))
            if leaves:
                return
        number += 1


def _reaction(person: Person, at: int, number: int, warm: float) -> Generator[Touch, None, bool]:
    """Open, click, complain or leave; the generator's value says whether this was the last issue."""
    if not person.happens(person.attention * (0.3 + 0.7 * warm)):
        return False
    at += person.after(5 * HOUR)
    yield Touch(at, "Email Opened", _issue(number))
    if person.happens(0.18):
        at += person.after(MINUTE)
        yield Touch(at, "Email Link Clicked", _issue(number))
        yield from visit(person, at)
    if person.happens(0.02 * (1.2 - warm)):
        at += person.after(MINUTE)
        name = "Email Marked as Spam" if person.happens(0.1) else "Unsubscribed"
        yield Touch(at, name, _issue(number))
        return True
    return False


def _issue(number: int) -> dict[str, str]:
    return {"campaign_id": f"newsletter-{number}", "email_id": f"newsletter-{number}"}

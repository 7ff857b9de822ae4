"""Strategies for whole histories of a partition: several customers, silence of every length, coincidences."""

import itertools

from hypothesis import strategies as st

from state import DAY, HOUR, MINUTE, Event
from tests.state.builders import START, build_event

CUSTOMERS = ("ann", "bob", "cyd")
NAMES = (
    "Order Completed",
    "Page Viewed",
    "Product Viewed",
    "Email Opened",
    "Order Refunded",
    "Ticket Created",
)

#: Silences between two events, from none to half a year, with the lengths at which thresholds lie.
SILENCES = st.one_of(
    st.sampled_from(
        [0, 1, MINUTE, HOUR, HOUR + 1, DAY, 10 * DAY, 45 * DAY, 60 * DAY, 90 * DAY, 90 * DAY - 1]
    ),
    st.integers(0, 3 * HOUR),
    st.integers(0, 20 * DAY),
    st.integers(0, 150 * DAY),
)


@st.composite
def histories(
    draw: st.DrawFn,
    *,
    customers: tuple[str, ...] = CUSTOMERS,
    names: tuple[str, ...] = NAMES,
    most: int = 20,
    active: bool = True,
) -> list[Event]:
    """Events of several customers in event-time order, each with its own message."""
    kinds = st.one_of(st.just(names[0]), st.sampled_from(names))
    drawn = draw(
        st.lists(
            st.tuples(st.sampled_from(customers), kinds, SILENCES, st.integers(0, 8), st.integers(0, 9)),
            min_size=1,
            max_size=most,
        )
    )
    at, events = START, []
    for number, (customer, name, silence, units, mood) in enumerate(drawn, 1):
        at += silence
        events.append(
            build_event(
                name,
                at,
                customer=customer,
                amount=units * 12_500_000,
                message=number << 20,
                active=active or mood > 0,
            )
        )
    return events


@st.composite
def cuts(draw: st.DrawFn, length: int) -> list[slice]:
    """A log of that length in consecutive runs."""
    inner = draw(st.sets(st.integers(1, length - 1), max_size=6)) if length > 1 else set()
    edges = [0, *sorted(inner), length]
    return [slice(begin, end) for begin, end in itertools.pairwise(edges)]

"""Events with sane defaults, and strategies for whole histories."""

from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from state import DAY, HOUR, MINUTE, Event, FoldPlan, MeasureMap, Profile, apply, parse_instant

CONFIG = Path(__file__).parents[2] / "config" / "measures.toml"
KINDS = MeasureMap.parse(CONFIG.read_text(encoding="utf-8"), str(CONFIG))
START = parse_instant("2026-01-05T10:00:00Z")
NAMES = (
    "Order Completed",
    "Product Viewed",
    "Email Opened",
    "Order Refunded",
    "Page Viewed",
    "Sofa Inspected",
)


def build_event(name: str = "Order Completed", at: int = START, **given: Any) -> Event:
    """An event of that name; its message is its own unless given."""
    kind = KINDS.kind("track", name)
    message = given.pop("message", hash((name, at)) & 0xFFFF_FFFF_FFFF_FFFF)
    return Event(given.pop("customer", "ann"), at, message, kind, **given)


def folded(events: Any, plan: FoldPlan) -> Profile:
    """A new profile with *events* folded in their order."""
    profile = Profile()
    for event in events:
        apply(profile, event, plan)
    return profile


@st.composite
def events(draw: st.DrawFn, *, within: int = 400 * DAY, most: int = 25) -> list[Event]:
    """Distinct events spread over *within*, in bursts, on boundaries and at equal instants."""
    steps = st.one_of(
        st.integers(0, within),
        st.integers(0, within // HOUR).map(lambda hours: hours * HOUR - START % HOUR),
        st.integers(0, within // DAY).map(lambda days: days * DAY - START % DAY),
        st.integers(0, min(within, 3 * HOUR)),
        st.sampled_from([0, 1, 30 * MINUTE, 30 * MINUTE + 1, 60 * MINUTE]),
    )
    drawn = draw(
        st.lists(st.tuples(st.sampled_from(NAMES), steps, st.integers(0, 5), st.booleans()), max_size=most)
    )
    return [
        build_event(
            name,
            START + min(max(step, 0), within),
            amount=units * 1_500_000,
            message=number,
            active=active or number % 4 > 0,
        )
        for number, (name, step, units, active) in enumerate(drawn, 1 << 63)
    ]

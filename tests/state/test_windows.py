"""Windows forget at the documented instant, and the expiry names it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from state import DAY, FAR, HOUR, Event, FeaturePlan, FoldPlan
from tests.state.builders import KINDS, START, build_event, events, folded

SPANS = {
    "36h": (36 * HOUR, HOUR),
    "7d": (7 * DAY, HOUR),
    "14d": (14 * DAY, HOUR),
    "15d": (15 * DAY, DAY),
    "500h": (500 * HOUR, DAY),
}


def leaves_at(at: int, span: int, width: int) -> int:
    return -(-at // width) * width + span


@settings(max_examples=150, deadline=None)
@given(history=events(within=60 * DAY), ahead=st.integers(0, 40 * DAY), suffix=st.sampled_from(sorted(SPANS)))
def test_a_window_holds_exactly_the_events_whose_bucket_has_not_left(
    history: list[Event], ahead: int, suffix: str
) -> None:
    span, width = SPANS[suffix]
    plan, names = (
        FoldPlan.build([f"orders_{suffix}", f"revenue_{suffix}"]),
        [f"orders_{suffix}", f"revenue_{suffix}"],
    )
    in_order = sorted(history, key=lambda event: event.at)
    now = max((event.at for event in history), default=START) + ahead
    kept = [e for e in history if e.active and e.kind.order and leaves_at(e.at, span, width) > now]
    expected = [len(kept), sum(event.amount for event in kept) / 1_000_000]
    assert FeaturePlan(names).values(folded(in_order, plan), now) == expected
    exact = [e for e in history if e.active and e.kind.order and e.at > now - span]
    assert len(exact) <= len(kept)
    assert all(e.at > now - span - width for e in kept)


@pytest.mark.parametrize(("suffix", "width"), [("2d", HOUR), ("30d", DAY)])
def test_an_event_on_a_boundary_leaves_exactly_on_time(suffix: str, width: int) -> None:
    at = START // width * width
    name = f"orders_{suffix}"
    profile = folded([build_event(at=at)], FoldPlan.build([name]))
    plan, span = FeaturePlan([name]), int(suffix[:-1]) * DAY
    assert plan.values(profile, at + span - 1) == [1]
    assert plan.values(profile, at + span) == [0]
    assert plan.look(profile, at)[1] == at + span


NAMES = (
    "orders_36h",
    "revenue_15d",
    "sessions_7d",
    "orders_decayed_3d",
    "revenue_decayed_2d",
    "order_trend_10d",
    "order_trend_40d",
    "order_days_20d",
    "events",
    "days_since_last_order",
    "avg_order_value",
)


@settings(max_examples=100, deadline=None)
@given(history=events(within=20 * DAY, most=12), names=st.sets(st.sampled_from(NAMES), min_size=1))
def test_nothing_changes_before_the_expiry_and_the_chain_of_expiries_ends(
    history: list[Event], names: set[str]
) -> None:
    """Every instant at which a bucket could leave is looked at."""
    ordered = sorted(names)
    plan = FeaturePlan(ordered)
    profile = folded(sorted(history, key=lambda e: e.at), FoldPlan.build(ordered, lateness=DAY))
    now = max((event.at for event in history), default=START)
    probes = sorted(
        {
            leaves_at(e.at, span, width) + extra
            for e in history
            for span in (36 * HOUR, 5 * DAY, 7 * DAY, 10 * DAY, 15 * DAY, 20 * DAY, 40 * DAY)
            for width in (HOUR, DAY)
            for extra in (-1, 0, 1)
        }
        | {(now // DAY + day) * DAY + extra for day in range(30) for extra in (-1, 0)},
    )
    for _ in range(200):
        vector, expiry = plan.look(profile, now)
        assert expiry > now
        assert all(
            plan.look(profile, t)[0] == vector for t in [*probes, min(expiry, FAR) - 1] if now <= t < expiry
        )
        if expiry == FAR:
            return
        now = expiry
    raise AssertionError("the expiries never end")


@settings(max_examples=60, deadline=None)
@given(history=events(within=20 * DAY, most=12))
def test_a_plain_window_changes_at_its_expiry(history: list[Event]) -> None:
    plan = FeaturePlan(["events_36h", "events_15d"])
    profile = folded(sorted(history, key=lambda e: e.at), FoldPlan.build(plan.names))
    now = max((event.at for event in history), default=START)
    while (expiry := plan.look(profile, now)[1]) < FAR:
        assert plan.look(profile, expiry)[0] != plan.look(profile, expiry - 1)[0]
        now = expiry


def test_an_event_up_to_the_allowed_lateness_late_finds_its_window() -> None:
    """The window is kept so long that an evaluation as far back as the lateness still sees all of it."""
    plan = FoldPlan.build(["orders_7d"], lateness=DAY)
    old, new = build_event(at=START), build_event(at=START + 7 * DAY + DAY // 2)
    for order in ([old, new], [new, old]):
        values = FeaturePlan(["orders_7d"]).values(folded(order, plan), START + 7 * DAY - 1)
        assert values == [2]
    assert KINDS.kind("track", "Order Completed") is old.kind

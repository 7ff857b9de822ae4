"""Laws of the fold: order and duplicates leave no trace."""

from hypothesis import given, settings
from hypothesis import strategies as st

from state import DAY, HOUR, Event, FoldPlan, apply, encode_profile
from tests.state.builders import START, build_event, events, folded

WINDOWS = (
    "orders_30d",
    "orders_7d",
    "revenue_90d",
    "events_24h",
    "sessions_30d",
    "sessions_48h",
    "order_days_60d",
    "orders_decayed_7d",
    "page_views_3h",
    "refund_amount_20d",
)


@settings(max_examples=150, deadline=None)
@given(history=events(within=3 * DAY), data=st.data())
def test_any_order_within_the_lateness_gives_the_same_bytes(
    history: list[Event], data: st.DataObject
) -> None:
    plan = FoldPlan.build(WINDOWS, lateness=3 * DAY, dedup=data.draw(st.sampled_from([0, 3, 32])))
    shuffled = data.draw(st.permutations(history))
    assert encode_profile(folded(shuffled, plan)) == encode_profile(folded(history, plan))


@settings(max_examples=150, deadline=None)
@given(history=events(within=400 * DAY), data=st.data())
def test_events_that_are_late_by_no_more_than_allowed_leave_no_trace(
    history: list[Event], data: st.DataObject
) -> None:
    """Each event arrives up to the allowed lateness after its time."""
    lateness = data.draw(st.sampled_from([0, 10 * 60 * 1_000_000, HOUR, DAY]))
    plan = FoldPlan.build(WINDOWS, lateness=lateness)
    in_order = sorted(history, key=lambda event: event.at)
    delays = data.draw(st.lists(st.integers(0, lateness), min_size=len(history), max_size=len(history)))
    arrived = [
        event
        for _, _, event in sorted(
            (event.at + delay, place, event)
            for place, (event, delay) in enumerate(zip(in_order, delays, strict=True))
        )
    ]
    assert encode_profile(folded(arrived, plan)) == encode_profile(folded(in_order, plan))


@settings(max_examples=100, deadline=None)
@given(history=events(within=3 * DAY), data=st.data())
def test_duplicates_change_nothing(history: list[Event], data: st.DataObject) -> None:
    plan = FoldPlan.build(WINDOWS, lateness=3 * DAY)
    repeated = data.draw(
        st.permutations(history + data.draw(st.lists(st.sampled_from(history))) if history else [])
    )
    assert encode_profile(folded(repeated, plan)) == encode_profile(folded(history, plan))


def test_a_duplicate_is_told_and_an_event_is_told() -> None:
    plan, event = FoldPlan.build([]), build_event()
    profile = folded([], plan)
    assert apply(profile, event, plan)
    before = encode_profile(profile)
    assert not apply(profile, event, plan)
    assert encode_profile(profile) == before


@settings(max_examples=60, deadline=None)
@given(history=events(within=300 * DAY))
def test_totals_do_not_depend_on_lateness_at_all(history: list[Event]) -> None:
    plan = FoldPlan.build(WINDOWS, lateness=0, dedup=64)
    forwards = folded(sorted(history, key=lambda event: event.at), plan)
    backwards = folded(sorted(history, key=lambda event: -event.at), plan)
    # Sessions and days with orders cannot be told apart for events that come later than allowed.
    plain = [measure for measure in range(28) if measure != 1]
    assert [forwards.counts[m] for m in plain] == [backwards.counts[m] for m in plain]
    assert forwards.first == backwards.first
    assert forwards.last == backwards.last
    assert forwards.orders == backwards.orders


def test_more_orders_than_are_kept_leave_the_same_profile_in_any_order() -> None:
    plan = FoldPlan.build(WINDOWS, lateness=3 * DAY, dedup=64)
    history = [build_event(at=START + n * HOUR, amount=n * 1_000_000) for n in range(40)]
    assert encode_profile(folded(history[::-1], plan)) == encode_profile(folded(history, plan))
    assert encode_profile(folded(history[::2] + history[1::2], plan)) == encode_profile(folded(history, plan))

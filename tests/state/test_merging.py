"""Two profiles of one person merge into the profile that one id would have had."""

import copy
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from state import DAY, HOUR, MEASURE_IDS, MINUTE, Event, FoldPlan, Profile, encode_profile
from state.labels import Pending
from state.merging import join_questions, merge
from tests.state.builders import START, build_event, events, folded
from tests.state.test_fold_laws import WINDOWS


def merged(one: Profile, other: Profile, plan: FoldPlan) -> bytes:
    result = copy.deepcopy(one)
    before = encode_profile(other)
    merge(result, other, plan)
    assert encode_profile(other) == before
    return encode_profile(result)


@settings(max_examples=300, deadline=None)
@given(history=events(within=3 * DAY), data=st.data())
def test_merging_two_folds_is_folding_both(history: list[Event], data: st.DataObject) -> None:
    plan = FoldPlan.build(WINDOWS, lateness=3 * DAY, dedup=data.draw(st.sampled_from([0, 3, 32])))
    mine = [event for event in history if data.draw(st.booleans())]
    theirs = [event for event in history if event not in mine]
    one, other = folded(mine, plan), folded(theirs, plan)
    whole = encode_profile(folded(history, plan))
    assert merged(one, other, plan) == whole
    assert merged(other, one, plan) == whole


@settings(max_examples=200, deadline=None)
@given(history=events(within=400 * DAY), data=st.data())
def test_ids_used_one_after_the_other_merge_exactly_over_any_time(
    history: list[Event], data: st.DataObject
) -> None:
    """Browsing first, logged in later: no session is shared, and no day unless it is kept."""
    plan = FoldPlan.build(WINDOWS, lateness=data.draw(st.sampled_from([0, HOUR, DAY])))
    ordered = sorted(history, key=lambda event: event.at)
    days = [0, *(event.at for event in ordered)]
    cut = next(
        (n for n, (a, b) in enumerate(itertools.pairwise(days)) if b - a > 2 * DAY and n),
        len(ordered),
    )
    one, other = folded(ordered[:cut], plan), folded(ordered[cut:], plan)
    whole = encode_profile(folded(ordered, plan))
    assert merged(one, other, plan) == whole
    assert merged(other, one, plan) == whole


@settings(max_examples=100, deadline=None)
@given(histories=st.tuples(*[events(within=60 * DAY)] * 3))
def test_totals_and_instants_merge_exactly_whatever_overlaps(histories: tuple[list[Event], ...]) -> None:
    plan = FoldPlan.build(WINDOWS, lateness=HOUR)
    one, two, three = (folded(sorted(each, key=lambda event: event.at), plan) for each in histories)
    forwards, backwards = copy.deepcopy(one), copy.deepcopy(three)
    for other in (two, three):
        merge(forwards, other, plan)
    for other in (two, one):
        merge(backwards, other, plan)
    plain = [number for name, number in MEASURE_IDS.items() if name not in ("sessions", "order_days")]
    assert [forwards.counts[m] for m in plain] == [backwards.counts[m] for m in plain]
    assert forwards.first == backwards.first
    assert forwards.last == backwards.last
    assert forwards.orders == backwards.orders
    assert forwards.counts[0] == sum(each.counts[0] for each in (one, two, three))


def test_one_visit_under_two_ids_is_one_session() -> None:
    plan = FoldPlan.build(["sessions_48h"], lateness=HOUR)
    browsing = folded(
        [build_event("Page Viewed", START), build_event("Page Viewed", START + 40 * MINUTE)], plan
    )
    known = folded([build_event("Page Viewed", START + 20 * MINUTE)], plan)
    merge(known, browsing, plan)
    sessions = MEASURE_IDS["sessions"]
    assert known.counts[sessions] == 1
    assert known.sessions == [START, START + 40 * MINUTE]
    assert known.hours[sessions][1::2] == [1]


@pytest.mark.parametrize("is_the_customer_who_left", [True, False])
def test_whoever_has_unsubscribed_under_one_id_has_unsubscribed_whatever_the_other_did_later(
    is_the_customer_who_left: bool,
) -> None:
    plan = FoldPlan.build(["unsubscribes", "spam_complaints"], lateness=HOUR)
    left = folded([build_event("Unsubscribed", START), build_event("Email Marked as Spam", START + 1)], plan)
    came = folded([build_event("Newsletter Subscribed", START + DAY)], plan)
    known, anonymous = (left, came) if is_the_customer_who_left else (came, left)
    merge(known, anonymous, plan)
    assert [known.counts[MEASURE_IDS[each]] for each in ("unsubscribes", "spam_complaints")] == [1, 1]


def _question(at: int, lifecycle: int = 0, revenue: int = 0) -> Pending:
    return Pending(at, lifecycle, 0, b"", 0.1, b"", 0.0, revenue, 1)


def test_waiting_questions_of_both_are_kept_up_to_the_limit_and_know_the_revenue_of_both() -> None:
    plan = FoldPlan.build([])
    known = folded([build_event(at=START, amount=5), build_event(at=START + 9, amount=70)], plan)
    other = folded([build_event(at=START + 3, amount=100)], plan)
    known.pending = [_question(START + 5, revenue=5)]
    other.pending = [_question(START + 4, revenue=100), _question(START + 5), _question(START + 6, 1, 100)]
    joined = join_questions(known, other, most=2)
    assert [(each.asked_at - START, each.lifecycle, each.revenue) for each in joined] == [
        (4, 0, 105),
        (5, 0, 105),
        (6, 1, 105),
    ]
    known.pending, other.pending = [_question(START + 5)], [_question(START + 1), _question(START + 2)]
    assert [each.asked_at - START for each in join_questions(known, other, most=2)] == [1, 5]

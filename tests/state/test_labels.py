import struct
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from state import (
    DAY,
    FAR,
    FoldPlan,
    Horizons,
    Profile,
    apply,
    ask,
    is_askable,
    next_answer,
    note_transition,
    pack,
    settle,
    unpack,
)
from tests.state.builders import START, build_event, folded

PLAN = FoldPlan.build([])
RETAIL = Horizons(churn=90 * DAY, next_stage=30 * DAY, value=60 * DAY)


def asked(*, at: int = START, history: tuple[int, ...] = (0,)) -> Profile:
    profile = folded([build_event(at=at - ago, amount=2_000_000) for ago in history], PLAN)
    ask(
        profile,
        at=at,
        lifecycle=0,
        stage=1,
        features=[1.5],
        risk=0.4,
        next_stage=[0.5, 0.5],
        value=9.0,
        model_version=3,
    )
    return profile


def test_nothing_is_answered_before_its_horizon_not_even_for_those_who_return() -> None:
    profile = asked()
    apply(profile, build_event(at=START + DAY), PLAN)
    assert settle(profile, START + 90 * DAY - 1, [RETAIL]) == []
    assert [answer.question.churned for answer in settle(profile, START + 90 * DAY, [RETAIL])] == [0]
    assert profile.pending == []


@pytest.mark.parametrize(("after", "churned"), [(1, 0), (90 * DAY, 0), (90 * DAY + 1, 1), (0, 1)])
def test_churn_is_no_order_after_the_question_up_to_the_horizon(after: int, churned: int) -> None:
    profile = asked()
    apply(profile, build_event(at=START + after, message=99), PLAN)
    assert settle(profile, START + 90 * DAY, [RETAIL])[0].question.churned == churned


def test_an_answer_carries_the_instant_of_its_horizon_however_late_it_is_noticed() -> None:
    answer = settle(asked(), START + 200 * DAY, [RETAIL])[0]
    assert answer.answered_at == START + 90 * DAY
    assert unpack(answer.question.features) == [1.5]


def test_spending_counts_within_its_own_horizon_only() -> None:
    profile = asked()
    for day in (10, 60, 61):
        apply(profile, build_event(at=START + day * DAY, amount=5_000_000), PLAN)
    assert settle(profile, START + 90 * DAY, [RETAIL])[0].question.spent == 10_000_000


def test_spending_beyond_the_kept_orders_is_frozen_at_its_horizon() -> None:
    profile = asked()
    for hour in range(40):
        apply(profile, build_event(at=START + 1 + hour, amount=1_000_000), PLAN)
    assert settle(profile, START + 60 * DAY, [RETAIL]) == []
    apply(profile, build_event(at=START + 61 * DAY, amount=1_000_000), PLAN)
    answer = settle(profile, START + 90 * DAY, [RETAIL])[0]
    assert (answer.question.spent, answer.question.churned) == (40_000_000, 0)


def test_the_first_transition_within_its_horizon_is_the_next_stage() -> None:
    profile = asked()
    note_transition(profile, 1, 5, START + DAY, RETAIL)
    note_transition(profile, 0, 2, START, RETAIL)
    note_transition(profile, 0, 3, START + 30 * DAY, RETAIL)
    note_transition(profile, 0, 4, START + 30 * DAY, RETAIL)
    assert settle(profile, START + 90 * DAY, [RETAIL])[0].question.moved_to == 3
    late = asked()
    note_transition(late, 0, 3, START + 30 * DAY + 1, RETAIL)
    assert settle(late, START + 90 * DAY, [RETAIL])[0].question.moved_to == -1


def test_the_next_answer_is_the_next_horizon_that_is_not_settled() -> None:
    profile = asked()
    assert next_answer(profile.pending, [RETAIL]) == START + 60 * DAY
    settle(profile, START + 60 * DAY, [RETAIL])
    assert next_answer(profile.pending, [RETAIL]) == START + 90 * DAY
    settle(profile, START + 90 * DAY, [RETAIL])
    assert next_answer(profile.pending, [RETAIL]) == FAR


def test_what_ends_a_customer_is_configured() -> None:
    quiet = Horizons(DAY, DAY, DAY, label="events")
    leaving = Horizons(DAY, DAY, DAY, label="cancellations")
    for horizons, name, churned in (
        (quiet, "Sofa Inspected", 0),
        (leaving, "Sofa Inspected", 0),
        (leaving, "Subscription Cancelled", 1),
    ):
        profile = asked()
        apply(profile, build_event(name, at=START + 5), PLAN)
        assert settle(profile, START + DAY, [horizons])[0].question.churned == churned
    assert settle(asked(), START + DAY, [quiet])[0].question.churned == 1


def test_only_who_can_stop_is_asked() -> None:
    browser = folded([build_event("Product Viewed")], PLAN)
    assert [is_askable(browser, label) for label in ("orders", "events", "cancellations")] == [
        False,
        True,
        True,
    ]
    gone = folded([build_event("Subscription Cancelled")], PLAN)
    assert not is_askable(gone, "cancellations")
    apply(gone, build_event("Subscription Started", at=START + 1), PLAN)
    assert is_askable(gone, "cancellations")
    apply(gone, build_event("Subscription Cancelled", at=START + 2), PLAN)
    assert not is_askable(gone, "cancellations")
    assert not is_askable(Profile(), "events")


def test_numbers_beyond_32_bits_are_stored_as_the_largest() -> None:
    assert unpack(pack([1e300, -1e300, float("-inf")]))[2] == float("-inf")
    assert unpack(pack([1e300]))[0] == pytest.approx(3.4e38)


@given(
    numbers=st.lists(
        st.one_of(st.sampled_from([0.0, -0.0, inf, -inf]), st.floats(-(2.0**127), 2.0**127, width=32)),
        max_size=300,
    )
)
def test_numbers_are_stored_as_they_are_and_never_longer_than_as_floats(numbers: list[float]) -> None:
    assert unpack(pack(numbers)) == numbers
    assert len(pack(numbers)) <= 4 * len(numbers)


@given(numbers=st.lists(st.floats(width=32, allow_nan=False), max_size=60))
def test_what_an_earlier_version_stored_is_read(numbers: list[float]) -> None:
    assert unpack(struct.pack(f"<{len(numbers)}f", *numbers)) == numbers

from math import isfinite

from hypothesis import given
from hypothesis import strategies as st

from scorers.predictor import cold_start
from scorers.transforms import FEATURES, INPUTS, inputs, rhythm
from tests.scorers.buyers import TASK, features_of

vectors = st.lists(st.floats(), min_size=len(FEATURES), max_size=len(FEATURES))


@given(vectors, st.sampled_from(["orders", "events", "cancellations"]))
def test_inputs_are_finite_whatever_comes(x: list[float], basis: str) -> None:
    made = inputs(x, rhythm(x, basis), 90.0, 0.0)
    assert len(made) == len(INPUTS)
    assert all(map(isfinite, made))


def test_never_looks_like_very_long_ago() -> None:
    never = inputs(features_of(orders=1), None, 90.0, 0.0)
    long_ago = inputs(features_of(orders=1, days_since_last_order=1e5), None, 90.0, 0.0)
    place = INPUTS.index("log_days_since_last_order")
    assert never[place] == long_ago[place]


def test_names_are_unique() -> None:
    assert len(set(INPUTS)) == len(INPUTS)
    assert len(set(FEATURES)) == len(FEATURES)


def test_visits_stand_for_activity_where_orders_do_not() -> None:
    x = features_of(sessions=5, days_since_first_event=100, days_since_last_event=1)
    assert rhythm(x, "orders") is None
    assert rhythm(x, "events") == (5, 100, 1)


def test_a_customer_of_more_than_ten_years_is_still_one() -> None:
    seen = {"sessions": 40, "days_since_first_event": 4401.0, "days_since_last_event": 5.0}
    x = features_of(orders=40, days_since_first_order=4400.0, days_since_last_order=5.0, **seen)
    assert rhythm(x, "orders") == (40, 4400, 5)
    assert rhythm(x, "events") == (40, 4401, 5)
    gone = features_of(orders=40, days_since_first_order=4400.0, days_since_last_order=3660.0)
    predictor = cold_start(TASK)
    assert 0.0 < predictor.churn(x) < 0.6
    assert predictor.churn(gone) > 0.99


def test_whoever_orders_by_the_million_stretches_no_scale() -> None:
    x = features_of(orders=1e6, days_since_first_order=300.0, days_since_last_order=0.1)
    assert max(map(abs, inputs(x, rhythm(x, "orders"), 90.0, 0.0))) <= 50.0

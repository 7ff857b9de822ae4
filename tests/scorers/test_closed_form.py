from math import exp, inf, isfinite, log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorers.closed_form import NOTHING_KNOWN, expected_orders, probability, silence

number = st.floats(allow_nan=True, allow_infinity=True)


def coming(orders: float, age: float, recency: float, ahead: float) -> float:
    return expected_orders(orders, age, silence(orders, age, recency, 90), 90, ahead)


def test_it_is_the_published_formula() -> None:
    x, age, last, horizon = 4.0, 200.0, 150.0, 90.0
    alpha, r, a, b = horizon / 3, 0.5, 0.5, 2.5
    z1 = (r + x) * log((alpha + age) / (alpha + last))
    z2 = (r + x) * log((alpha + age) / (alpha + age + horizon))
    lo = log((b + x) / a) - z1
    nothing = 1 - probability(lo) * (1 - exp(z2))
    known = silence(x + 1, age, age - last, horizon)
    assert known == pytest.approx((z1, z2, lo, log(nothing / (1 - nothing))))


def test_longer_silence_never_lowers_the_risk() -> None:
    risks = [silence(5, 100 + days, days, 90).silent for days in range(0, 400, 7)]
    assert risks == sorted(risks)


def test_nothing_is_known_without_a_first_order() -> None:
    assert silence(0, float("inf"), float("inf"), 90) is NOTHING_KNOWN


@given(number, number, number, st.floats(0.1, 1000))
def test_every_answer_is_finite(orders: float, age: float, recency: float, horizon: float) -> None:
    assert all(map(isfinite, silence(orders, age, recency, horizon)))
    assert 0 <= coming(orders, age, recency, horizon) < inf


def test_expected_orders_grow_with_the_horizon_and_with_the_rate() -> None:
    assert 0 < coming(5, 100, 1, 30) < coming(5, 100, 1, 90)
    assert coming(2, 100, 1, 90) < coming(9, 100, 1, 90)

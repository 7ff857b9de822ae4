from math import inf

import pytest

from state import DAY, HOUR, Event, FeaturePlan, FoldPlan
from tests.state.builders import START, build_event, folded


def value(name: str, events: list[Event], at: int) -> float:
    return FeaturePlan([name]).values(folded(events, FoldPlan.build([name])), at)[0]


def orders(*days: float, amount: int = 10_000_000) -> list[Event]:
    return [build_event(at=START + round(day * DAY), amount=amount) for day in days]


def test_ages_are_exact_to_the_microsecond() -> None:
    assert value("days_since_last_order", orders(0, 3), START + 4 * DAY) == 1.0
    assert value("days_since_first_order", orders(0, 3), START + 4 * DAY + 1) == (4 * DAY + 1) / DAY


def test_a_vector_gives_an_age_by_its_origin() -> None:
    plan = FeaturePlan(["orders", "days_since_last_order", "days_since_last_refund"])
    assert plan.look(folded(orders(0), FoldPlan.build(plan.names)), START + DAY)[0] == [1, START, -inf]


def test_values_of_orders() -> None:
    history = [*orders(0, 10), *orders(40, amount=40_000_000)]
    at = START + 50 * DAY
    assert value("avg_order_value", history, at) == 20
    assert value("last_order_value", history, at) == 40
    assert value("order_gap_mean_days", history, at) == 20
    assert value("last_gap_days", history, at) == 30
    assert value("order_gap_std_days", history, at) == 10
    assert value("revenue_45d", history, at) == 50


def test_the_trend_compares_the_later_half_of_the_window_with_the_earlier() -> None:
    at = START + 180 * DAY - HOUR
    assert value("order_trend", orders(10, 20, 100), at) == 0.5
    assert value("order_trend", orders(100, 110), at) == inf
    assert value("order_trend", orders(), at) == 1
    assert value("order_trend_20d", orders(165, 172), at) == 1


@pytest.mark.parametrize(("days", "weight"), [(0, 1), (1, 1), (8, 0.5), (15, 0.25), (60, 0)])
def test_a_decayed_order_weighs_half_after_the_half_life(days: int, weight: float) -> None:
    midnight = (START // DAY + 1) * DAY
    assert value("orders_decayed_7d", orders(0), midnight - 1 + days * DAY) == pytest.approx(weight)


def test_decayed_revenue_is_in_units_of_the_currency() -> None:
    assert value("revenue_decayed_30d", orders(0, 0.1), START + DAY // 2) == 20


def test_sessions_are_counted_at_their_start() -> None:
    visits = [build_event("Page Viewed", at=START + minutes * 60_000_000) for minutes in range(0, 300, 20)]
    at = START + 2 * DAY
    assert value("sessions", visits, at) == 1
    assert value("sessions_48h", visits, at) == 0 + (START % HOUR > 0)
    assert value("days_since_last_session", visits, at) == (2 * DAY - 280 * 60_000_000) / DAY


def test_order_days_count_in_windows() -> None:
    history = [*orders(0, 0.01, 1), build_event(at=START + 20 * DAY)]
    assert value("order_days_30d", history, START + 20 * DAY) == 3
    assert value("order_days_7d", history, START + 20 * DAY) == 1

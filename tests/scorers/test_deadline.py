"""What the rules say about silence: where it leads, when, and how likely it is to last so long."""

from dataclasses import dataclass
from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorers.closed_form import Habit, probability, silence
from scorers.crossing import DAY
from scorers.deadline import HALVINGS, Deadline, chance_of_silence, deadline_of
from scorers.lifecycle import Lifecycle
from tests.scorers.buyers import features_of
from tests.scorers.imagined import lifecycle

NOW = 20_000 * DAY
MONTH = 30 * DAY
RULES = lifecycle(
    'enter = "orders >= 1 and days_since_last_order <= 365"',
    'enter = "days_since_last_session <= 20"',
)


@dataclass
class Standing:
    stage: int
    since: int = NOW - DAY
    cycle: int = 1
    risk: float = nan
    next_p: float = nan


def seen(rules: Lifecycle, **known: float) -> list[float]:
    return [known[name] for name in rules.features]


def ordered(days: float, session: float = inf) -> list[float]:
    """The vector of somebody with one order and one session so many days ago."""
    return seen(
        RULES,
        orders=1,
        days_since_last_order=NOW - round(days * DAY),
        days_since_last_session=-inf if session == inf else NOW - round(session * DAY),
    )


def found(vector: list[float], stage: int) -> Deadline | None:
    orders = [place for place, name in enumerate(RULES.features) if "order" in name]
    return deadline_of(RULES, Standing(stage), NOW, NOW + MONTH, lambda _: vector, orders)


@given(st.floats(0.0, 365.0))
def test_it_is_the_move_that_silence_brings(days: float) -> None:
    told = found(ordered(days), 1)
    left = 365.0 - days
    if told is None:
        assert left >= 30.0 - 1e-9
        return
    assert left - 1e-9 <= told.days <= left + 30.0 / 2**HALVINGS + 1e-9
    assert told.stage == 0
    assert told.by_orders


def test_of_two_moves_the_first_counts_and_it_is_known_what_is_waited_for() -> None:
    told = found(ordered(days=340.0, session=10.0), 2)
    assert told is not None
    assert told.days == pytest.approx(10.0, abs=0.5)
    assert (told.stage, told.by_orders) == (1, False)


def test_whoever_is_nowhere_or_stays_has_none() -> None:
    assert found(ordered(days=340.0), -1) is None
    assert found(ordered(days=100.0), 1) is None


def test_a_count_that_leaves_its_window_is_a_deadline_that_an_order_moves() -> None:
    rules = lifecycle('enter = "orders_30d >= 2"')

    def read(at: int) -> list[float]:
        return [2.0 if at < NOW + 12 * DAY else 1.0]

    told = deadline_of(rules, Standing(1), NOW, NOW + MONTH, read, [0])
    assert told is not None
    assert told.days == pytest.approx(12.0, abs=0.5)
    assert told.by_orders


def chance(
    days: float, risk: float | None = None, habit: Habit | None = None, basis: str = "orders"
) -> float:
    x = features_of(orders=3, days_since_first_order=200, days_since_last_order=90)
    fitted = silence(3, 200, 90, 90.0, habit)
    return chance_of_silence(Deadline(days, 0, True), x, basis, 90.0, habit, fitted, risk)


@pytest.mark.parametrize("habit", [None, Habit(0.6, 20.0, 0.7, 2.0)])
def test_without_a_risk_it_is_the_closed_form_and_with_one_the_risk_at_its_own_horizon(
    habit: Habit | None,
) -> None:
    fitted = probability(silence(3, 200, 90, 90.0, habit).silent)
    assert chance(90.0, habit=habit) == pytest.approx(fitted)
    assert chance(90.0, habit=habit, risk=0.5) == pytest.approx(0.5)


@given(st.floats(0.0, 1.0), st.floats(0.01, 400.0), st.floats(0.01, 400.0))
def test_a_longer_silence_is_never_likelier(risk: float, one: float, other: float) -> None:
    shorter, longer = sorted((one, other))
    assert 0.0 < chance(longer, risk) <= chance(shorter, risk) * (1.0 + 1e-12) <= 1.0 + 1e-12


def test_a_risk_of_something_else_says_nothing_of_it() -> None:
    assert chance(30.0, risk=0.01, basis="cancellations") == chance(30.0, basis="cancellations")
    assert chance(30.0, risk=0.01) < chance(30.0)

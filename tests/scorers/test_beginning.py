"""Customers who were there before the data began are told from new ones without a single label."""

import random
from math import exp, gamma, inf, isfinite

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import beta

from scorers.beginning import Beginning, _log_likelihood, silent_at_beginning
from scorers.closed_form import probability, silence
from scorers.habits import LEAST, Habits
from scorers.transforms import Rhythm

HORIZON = 90.0
R, ALPHA = 2.0, 60.0


def life(rng: random.Random, begin: float, end: float, rate: float) -> list[float]:
    """Instants of orders at a rate, from *begin* on."""
    at, made = begin, []
    while (at := at + rng.expovariate(rate)) < end:
        made.append(at)
    return made


def shop(day: float, *, are_old: bool, seed: int = 3) -> tuple[list[Rhythm], list[int]]:
    """What is known on a day of people who order for ever, and who of them will be silent for a horizon.

    Old ones have ordered all the time before the data begin; new ones come evenly, with an order, and their rates are so
    spread that most of them hardly ever come again.
    """
    rng = random.Random(seed)
    known, silent = [], []
    for _ in range(6000 if are_old else 2000):
        if are_old:
            orders = life(rng, 0.0, day + HORIZON, rng.gammavariate(R, 1 / ALPHA))
        else:
            first = rng.uniform(0.0, day)
            orders = [first, *life(rng, first, day + HORIZON, rng.gammavariate(0.2, 1 / 20.0) + 1e-9)]
        past = [at for at in orders if at < day]
        if past:
            known.append(Rhythm(float(len(past)), day - past[0], day - past[-1]))
            silent.append(int(len(past) == len(orders)))
    return known, silent


def learned(known: list[Rhythm], day: float) -> Habits:
    habits = Habits(HORIZON)
    for number, each in enumerate(known):
        habits.observe(each, day, str(number))
    habits.observe(known[0], day + habits.every, "later")
    return habits


def risks(habits: Habits, known: list[Rhythm]) -> tuple[float, float]:
    """Mean chance of silence as believed in the first days, and as the closed form has it."""
    told, usual, beginning = 0.0, 0.0, habits.beginning()
    assert beginning is not None
    for each in known:
        new = probability(silence(*each, HORIZON, habits.fitted).silent)
        last = each.age - each.recency
        told += silent_at_beginning(each.acts - 1.0, last, each.age, HORIZON, beginning, new)
        usual += new
    return told / len(known), usual / len(known)


@pytest.mark.parametrize("day", [14.0, 30.0])
def test_of_old_customers_it_knows_how_many_will_be_silent_and_the_closed_form_does_not(day: float) -> None:
    known, silent = shop(day, are_old=True)
    told, usual = risks(learned(known, day), known)
    truth = sum(silent) / len(silent)
    assert abs(told - truth) < 0.06
    assert abs(told - truth) < abs(usual - truth) / 2


def test_where_nobody_is_old_the_closed_form_stands() -> None:
    known, _ = shop(30.0, are_old=False)
    told, usual = risks(learned(known, 30.0), known)
    assert told == pytest.approx(usual, abs=0.03)


def test_slopes_are_what_a_small_step_changes() -> None:
    rows = np.array([(0, 0, 0), (0, 0, 20), (1, 3, 30), (5, 20, 25)], dtype=float)
    taken = rows, np.array([30.0, 1.0, 0.0, 5.0]), np.array([30.0, 21.0, 30.0, 30.0])
    for logs in (np.log([0.5, 30.0, 0.5, 2.5, 60.0]), np.log([2.0, 9.0, 3.0, 0.2, 0.1])):
        _, slopes = _log_likelihood(logs, *taken)
        for step, slope in zip(1e-5 * np.eye(5), slopes, strict=True):
            apart = _log_likelihood(logs + step, *taken)[0] - _log_likelihood(logs - step, *taken)[0]
            assert slope == pytest.approx(apart / 2e-5, rel=1e-5, abs=1e-7)


def sureness(day: float, *, are_old: bool, count: int) -> float:
    """How sure it is that there are old customers, in three shops on average."""
    total = 0.0
    for seed in range(3):
        known, _ = shop(day, are_old=are_old, seed=seed)
        beginning = learned(random.Random(1).sample(known, count), day).beginning()
        assert beginning is not None
        total += beginning.sure
    return total / 3


def test_whether_there_are_old_customers_is_as_sure_as_histories_make_it() -> None:
    assert sureness(30.0, are_old=True, count=1500) > 0.99
    assert sureness(30.0, are_old=False, count=1500) < 0.6
    assert 0.3 < sureness(3.0, are_old=False, count=LEAST + 20) < 0.7
    assert 0.3 < sureness(3.0, are_old=True, count=LEAST + 20) < 0.7


def test_as_far_as_nobody_is_old_the_closed_form_stands() -> None:
    known = Beginning(1.3, 25.0, 0.7, 2.1, 4.0, 30.0)
    told = [
        silent_at_beginning(1.0, 4.0, 20.0, HORIZON, known._replace(sure=sure), 0.9)
        for sure in (0.0, 0.5, 1.0)
    ]
    assert told[0] == 0.9
    assert told[1] == pytest.approx((told[0] + told[2]) / 2)
    assert told[2] < told[1] < told[0]


@pytest.mark.parametrize(
    ("x", "last", "age", "met"), [(0, 0.0, 20.0, 10.0), (3, 12.0, 25.0, 3.0), (1, 2.0, 30.0, 0.0)]
)
def test_the_chance_of_being_old_is_that_of_the_integrals(
    x: int, last: float, age: float, met: float
) -> None:
    known = Beginning(1.3, 25.0, 0.7, 2.1, 4.0, met + age)

    def spread(rate: float) -> float:
        return known.alpha**known.r * rate ** (known.r - 1) * exp(-known.alpha * rate) / gamma(known.r)

    old = known.old * quad(lambda rate: spread(rate) * rate ** (x + 1) * exp(-rate * (met + age)), 0, inf)[0]
    stayed = quad(lambda rate: spread(rate) * rate**x * exp(-rate * age), 0, inf)[0]
    left = quad(lambda rate: spread(rate) * rate**x * exp(-rate * last), 0, inf)[0]
    new = beta(known.a, known.b + x + 1) * stayed + beta(known.a + 1, known.b + x) * left
    new /= beta(known.a, known.b)
    away = 1.0 - (
        silent_at_beginning(x, last, age, 30.0, known, 1.0)
        - silent_at_beginning(x, last, age, 30.0, known, 0.0)
    )
    assert away == pytest.approx(old / (old + new), rel=1e-6)


@given(st.floats(0, 1e12), st.floats(0, 3650), st.floats(0, 1), st.floats(0, 1), st.floats(0, 90))
def test_it_is_always_a_chance(repeats: float, age: float, part: float, new: float, span: float) -> None:
    for known in (Beginning(0.1, 40.0, 0.6, 2.0, 5e3, span), Beginning(3e3, 4e-4, 8e3, 4e-4, 4e-4, span)):
        chance = silent_at_beginning(repeats, age * part, age, HORIZON, known, new)
        assert isfinite(chance)
        assert 0.0 <= chance <= 1.0


def test_it_needs_histories_and_ends_with_the_first_horizon() -> None:
    known, _ = shop(30.0, are_old=True)
    habits, asked = Habits(HORIZON), Habits(HORIZON)
    for number, each in enumerate(known[: LEAST + 20]):
        assert (asked.beginning() is None) == (number < LEAST)
        habits.observe(each, 30.0, str(number))
        asked.observe(each, 30.0, str(number))
    assert habits.beginning() == asked.beginning()  # however often it was asked
    assert (habits.fitted, habits.fits) == (asked.fitted, asked.fits)
    habits.observe(Rhythm(1.0, HORIZON + 1.0, 5.0), 30.0 + HORIZON, "later")
    assert habits.beginning() is None


def test_a_long_history_has_no_beginning() -> None:
    rng = np.random.default_rng(1)
    known = [Rhythm(2.0, float(age), float(age) / 2) for age in rng.uniform(1, 900, 300)]
    assert learned(known, 20_000.0).beginning() is None

import random

import numpy as np
import pytest

from scorers.closed_form import Habit, prior_habit
from scorers.habits import LEAST, ROWS, Habits, fit
from scorers.likelihood import log_likelihood
from scorers.transforms import Rhythm

TRUE = Habit(0.6, 40.0, 0.6, 1.8)


def histories(count: int, seed: int = 5) -> list[Rhythm]:
    """Customers who order at an own rate and may leave after each order, the first included: MBG/NBD itself."""
    rng = random.Random(seed)
    made = []
    for _ in range(count):
        rate, leaving = rng.gammavariate(TRUE.r, 1 / TRUE.alpha), rng.betavariate(TRUE.a, TRUE.b)
        age = rng.uniform(200, 500)
        acts, at, last = 1, 0.0, 0.0
        while rng.random() > leaving:
            at += rng.expovariate(rate) if rate > 1e-9 else age
            if at >= age:
                break
            acts, last = acts + 1, at
        made.append(Rhythm(float(acts), age, age - last))
    return made


def rows(known: list[Rhythm]) -> np.ndarray:
    return np.array([(each.acts - 1, each.age - each.recency, each.age) for each in known])


def test_it_finds_the_habits_that_made_the_histories() -> None:
    found = np.exp(fit(rows(histories(4000)), start=np.log(np.array(prior_habit(90.0)[:4]))))
    assert found[:2] == pytest.approx(TRUE[:2], rel=0.2)
    assert found[2] / found[3] == pytest.approx(TRUE.a / TRUE.b, rel=0.25)


def test_nothing_is_more_likely_than_what_is_found() -> None:
    known = rows(histories(500))
    found = fit(known, start=np.log(np.array(prior_habit(90.0)[:4])))
    best = log_likelihood(found, known)[0].mean()
    for k in range(4):
        for step in (-0.1, 0.1):
            other = found.copy()
            other[k] += step
            assert log_likelihood(other, known)[0].mean() < best


def test_it_waits_for_histories_and_follows_event_time() -> None:
    habits = Habits(90.0)
    for number, known in enumerate(histories(LEAST + 50)):
        habits.observe(known, 0.0, str(number))
        assert (habits.fitted is None) == (number < LEAST)
    assert habits.fits == 1
    habits.observe(histories(1)[0], 6.0, "x")
    assert habits.fits == 1
    habits.observe(histories(1)[0], 7.0, "y")
    assert habits.fits == 2


def test_memory_is_bounded_and_the_newest_histories_are_kept() -> None:
    habits = Habits(90.0)
    for number in range(2 * ROWS + ROWS // 2):
        habits.observe(Rhythm(1.0, float(number), 0.0), 7.0 * (number // 100), str(number))
    assert habits._rows.shape == (ROWS, 4)
    assert sorted(habits._rows[:, 2]) == list(range(ROWS + ROWS // 2, 2 * ROWS + ROWS // 2))


def test_of_more_than_it_keeps_each_is_as_likely_kept_in_whatever_order_they_come() -> None:
    habits = Habits(90.0)
    for number in range(3 * ROWS):
        habits.observe(Rhythm(1.0 + number // ROWS, 100.0, 50.0), 0.0, str(number))
    kept = [float((habits._rows[:, 0] == third).mean()) for third in range(3)]
    assert kept == pytest.approx([1 / 3] * 3, abs=0.03)

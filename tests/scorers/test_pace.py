import random

import numpy as np
import pytest

from scorers.closed_form import Habit, prior_habit, silence
from scorers.habits import Habits
from scorers.pace import DOUBT, KEPT, SAMPLE, Pace, chances
from scorers.transforms import Rhythm

HABIT = Habit(0.6, 40.0, 0.6, 1.8)


def taken(day: float, silent: float, count: int = 400, wait: float = 7.0) -> np.ndarray:
    """Histories of regulars of 100 days, of whom a share has been silent for longer than *wait*."""
    quiet = np.arange(count) < round(count * silent)
    last = 100.0 - np.where(quiet, wait + 30.0, wait / 2.0)
    return np.column_stack([np.full(count, 3.0), last, np.full(count, 100.0), np.full(count, day)]).astype(
        np.float32
    )


def silent_at(pace: float) -> float:
    """The share of silent customers at which they come *pace* times as fast as is expected of them."""
    share = 0.5
    for _ in range(100):
        share = float(chances(taken(0.0, share), 7.0, HABIT).mean()) ** pace
    return share


def test_chances_are_those_of_the_closed_form() -> None:
    rng = random.Random(3)
    known = [Rhythm(rng.randint(1, 9), age := rng.uniform(30, 300), rng.uniform(0, age)) for _ in range(50)]
    rows = np.array([(each.acts - 1, each.age - each.recency, each.age, 0.0) for each in known])
    said = chances(rows.astype(np.float32), 30.0, HABIT)
    for each, chance in zip(known, said, strict=True):
        log_odds = silence(*each, 30.0, HABIT).silent
        assert chance == pytest.approx(1.0 / (1.0 + np.exp(-log_odds)), abs=1e-3)


def test_who_comes_as_expected_changes_nothing() -> None:
    pace = Pace(7.0)
    for week in range(30):
        pace.learn(taken(7.0 * week, silent_at(1.0)), HABIT)
    assert pace.value == pytest.approx(1.0, abs=0.02)


def test_who_comes_twice_as_fast_for_long_is_more_believed_the_longer() -> None:
    pace = Pace(7.0)
    told = []
    for week in range(60):
        pace.learn(taken(7.0 * week, silent_at(2.0)), HABIT)
        told.append(pace.value)
    assert 1.0 < told[2] < told[-1]
    assert 1.6 < told[-1] < 2.0


def test_what_comes_and_goes_is_not_believed() -> None:
    pace = Pace(7.0)
    for week in range(60):
        pace.learn(taken(7.0 * week, silent_at(1.5 if week // 4 % 2 else 1.0 / 1.5)), HABIT)
    assert 0.85 < pace.value < 1.2


def test_a_pace_multiplies_the_hazard() -> None:
    slow, fast = (silence(3, 100, 20, 90, HABIT._replace(pace=pace)).silent for pace in (1.0, 2.0))
    chance = 1.0 / (1.0 + np.exp(-slow))
    assert 1.0 / (1.0 + np.exp(-fast)) == pytest.approx(chance**2)


def test_memory_is_bounded_and_a_clock_that_jumped_is_forgotten() -> None:
    pace = Pace(91.0)
    for week in [*range(40), 9_000, *range(40, 80)]:
        pace.learn(taken(7.0 * week, 0.9, count=2000), HABIT)
    assert len(pace._samples) <= KEPT + 1
    assert max(len(sample) for _, sample in pace._samples) <= SAMPLE
    assert [day for day, _ in pace._samples] == [7.0 * week for week in range(64, 80)]


@pytest.mark.parametrize("strange", [(0.0, 0.0, 0.0), (999.0, 3e3, 3e3), (999.0, 0.0, 3650.0)])
def test_strange_histories_give_a_pace_within_bounds(strange: tuple[float, float, float]) -> None:
    pace = Pace(91.0)
    for week in range(20):
        rows = np.array([(*strange, 7.0 * week)] * 300, dtype=np.float32)
        pace.learn(rows, prior_habit(90.0))
    assert 0.25 <= pace.value <= 4.0


def test_few_customers_tell_nothing() -> None:
    pace = Pace(91.0)
    for week in range(20):
        pace.learn(taken(7.0 * week, 0.05, count=int(DOUBT)), HABIT)
    assert pace.value == 1.0


def test_a_fit_that_misses_regular_customers_is_put_right_without_labels() -> None:
    """Everybody comes every other day, never leaving: no constant rate with chance gaps does that."""
    habits = Habits(7.0)
    for day in range(1, 60):
        for number in range(300):
            age = day - number % 20 - 0.5
            if age > 0.0:
                acts = age // 2.0 + 1.0
                habits.observe(Rhythm(acts, age, age % 2.0), float(day), f"{day}/{number}")
    habit = habits.fitted
    assert habit is not None
    assert habit.pace > 1.1
    plain = silence(20, 39.0, 1.0, 7.0, habit._replace(pace=1.0)).silent
    assert silence(20, 39.0, 1.0, 7.0, habit).silent < plain

from math import exp, gamma, inf

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import beta

from scorers.closed_form import Habit
from scorers.likelihood import log_likelihood

HABITS = [Habit(0.6, 40.0, 0.6, 1.8), Habit(3.0, 2.0, 0.05, 9.0), Habit(0.1, 300.0, 6.0, 0.3)]
ROWS = np.array([(0, 0, 0), (0, 0, 80), (1, 3, 3), (3, 70, 90), (12, 20, 400), (900, 300, 310)], dtype=float)


@pytest.mark.parametrize("habit", HABITS[:2])
def test_it_is_that_of_the_integral_over_rates_and_chances_of_leaving(habit: Habit) -> None:
    r, alpha, a, b, _ = habit
    for x, last, age in ROWS[:5]:

        def over_rates(until: float, acts: float = x) -> float:
            def each(rate: float) -> float:
                spread = alpha**r * rate ** (r - 1.0) * exp(-alpha * rate) / gamma(r)
                return spread * rate**acts * exp(-rate * until)

            return float(quad(each, 0, inf)[0])

        whole = beta(a, b + x + 1) * over_rates(age) + beta(a + 1, b + x) * over_rates(last)
        told, _ = log_likelihood(np.log(np.array(habit[:4])), np.array([(x, last, age)]))
        assert exp(told[0]) == pytest.approx(whole / beta(a, b), rel=1e-5)


@pytest.mark.parametrize("habit", HABITS)
def test_slopes_are_what_a_small_step_changes(habit: Habit) -> None:
    logs = np.log(np.array(habit[:4]))
    _, slopes = log_likelihood(logs, ROWS)
    for step, slope in zip(1e-5 * np.eye(4), slopes, strict=True):
        apart = log_likelihood(logs + step, ROWS)[0] - log_likelihood(logs - step, ROWS)[0]
        assert slope == pytest.approx(apart / 2e-5, rel=1e-5, abs=1e-5)

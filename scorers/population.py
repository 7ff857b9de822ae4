"""What are customers like these days, and what were they like when a question was asked?

A population ages, grows and falls silent while labels wait for their horizon. Inputs are therefore read as distances from
the average customer of the same days: of the days of the question when its answer is learned, of today when a new one is
predicted. None of that needs labels.
"""

from bisect import bisect_right
from typing import NamedTuple

import numpy as np

from scorers.closed_form import Habit
from scorers.habits import Habits
from scorers.linear import Vector
from scorers.transforms import INPUTS, Rhythm

KEPT = 64  # periods, about five horizons, 24 kB
CARRIED = 50  # customers of the period before that a new one begins with


class Period(NamedTuple):
    """Some days of event time.

    Attributes:
        since: Event time in days.
        habit: Parameters of the closed form in these days, `None` before there are any.
        centre: Mean inputs of the customers who were asked about.
    """

    since: float
    habit: Habit | None
    centre: Vector


class Population:
    """Average customers by period, and how they order.

    Args:
        horizon: Days; a period is a thirteenth of it.

    Attributes:
        habits: How they order; a new fit begins a new period.
        periods: The oldest first.
    """

    def __init__(self, horizon: float) -> None:
        self.habits = Habits(horizon)
        self.periods = [Period(0.0, None, np.zeros(len(INPUTS)))]
        self._count = 0

    @property
    def now(self) -> Period:
        """The newest period."""
        return self.periods[-1]

    def at(self, day: float) -> Period:
        """Give the period of an instant, the oldest known for what was before.

        Args:
            day: Event time in days.
        """
        return self.periods[max(bisect_right(self.periods, day, key=_since) - 1, 0)]

    def observe(self, known: Rhythm, x: Vector, day: float, name: str) -> None:
        """Take a customer who was asked about.

        Args:
            known: The watched activity.
            x: Values of `scorers.transforms.INPUTS`.
            day: Event time of the question, in days.
            name: Of the question, unique.
        """
        if self.habits.observe(known, day, name):
            centre = self.now.centre.copy()
            # a clock that was set back leaves days behind that have not come yet
            self.periods = [period for period in self.periods if period.since < day][1 - KEPT :]
            self.periods.append(Period(day, self.habits.fitted, centre))
            self._count = min(self._count, CARRIED)
        self._count += 1
        centre = self.now.centre
        centre += (x - centre) / self._count


def _since(period: Period) -> float:
    return period.since

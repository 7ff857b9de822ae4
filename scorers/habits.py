"""How does this population order and leave: MBG/NBD fitted to a bounded sample of histories.

The fit needs no labels, only histories (orders, age at the last one, age), so it is there before the first horizon has
passed, and it is up to date when the labels are a horizon old. It is refitted on a schedule in event time; the same
histories in the same order give the same parameters. The order itself must not matter: where everybody is asked at one
instant customers come in the order in which they were first seen, and a sample of the last ones is one of the youngest.
"""

from math import inf
from zlib import crc32

import numpy as np
from scipy.optimize import minimize

from scorers.beginning import Beginning, fit_beginning
from scorers.closed_form import Habit, prior_habit
from scorers.likelihood import Rows, log_likelihood
from scorers.pace import Pace
from scorers.transforms import Rhythm

ROWS = 8192  # histories kept, 128 kB
LEAST = 100  # histories from which a fit is tried
REFITS = 13  # a horizon: every week for one of 90 days
NEWEST = 1.5  # periods: everybody asked since the fit before
ONCE = 1.0  # periods: hardly anybody twice, for what is seen twice makes too sure
ENOUGH = 1000  # histories of as many customers that no older ones are needed
GRAIN = 32.0  # parts of a day that ages are kept in: half of a snapshot's bytes would tell of seconds
MOST_ACTS = 1000.0  # a machine that orders all day tells nothing of people
BELIEF = 2.0  # how many histories the prior outweighs, a parameter
_BOUNDS = [(-8.0, 9.0)] * 4


class Habits:
    """A sample of histories and the parameters fitted to it.

    Args:
        horizon: Days; sets the prior, and the schedule.

    Attributes:
        fitted: Parameters, `None` while there are too few histories.
        fits: How often they were fitted.
    """

    def __init__(self, horizon: float) -> None:
        self.prior = prior_habit(horizon)
        self.horizon = horizon
        self.every = max(1.0, horizon / REFITS)
        self.fitted: Habit | None = None
        self.fits = 0
        self._pace = Pace(self.every * REFITS)
        self._rows = np.zeros((ROWS, 4), dtype=np.float32)
        self._start: float | None = None
        self._count = 0
        self._oldest = 0
        self._taken = 0
        self._due = 0.0
        self._first = inf
        self._newest = 0.0

    def observe(self, known: Rhythm, day: float, name: str) -> bool:
        """Take a history into the sample, and fit when the time has come.

        Args:
            known: The history.
            day: Event time of it, in days.
            name: Draws who is kept: of those between two fits each is as likely, in whatever order they come.

        Returns:
            Whether the parameters were fitted anew, to the histories before this one.
        """
        if self._start is None:
            self._start = day
        has_jumped = (
            day < self._due - (REFITS + 1) * self.every
        )  # back by a horizon: the clock was wrong before
        is_due = (day >= self._due or has_jumped) and self._count >= LEAST
        if is_due:
            self._fit(day - self._start)
            self._due = day + self.every
            self._taken = 0
        self._first, self._newest = min(self._first, day - known.age), max(self._newest, day)
        slot = self._slot(name)
        if slot < ROWS:
            self._rows[slot] = (
                min(known.acts, MOST_ACTS) - 1.0,
                _coarse(known.age - known.recency),
                _coarse(known.age),
                _coarse(day - self._start),
            )
        return is_due

    def _slot(self, name: str) -> int:
        """Where a history goes: the oldest one's place; once all are of this period, a drawn one or beyond all."""
        self._taken += 1
        if self._taken > ROWS:
            return crc32(name.encode()) % self._taken
        slot = self._oldest
        self._oldest = (slot + 1) % ROWS
        self._count = min(self._count + 1, ROWS)
        return slot

    def beginning(self) -> Beginning | None:
        """Learn who was a customer before the data began: up to a tenth of a second.

        Changes nothing here, so it may be asked at any time without what is learned depending on when.

        Returns:
            `None` with too few histories, and from the first horizon on.
        """
        span = self._newest - self._first
        if self._count < LEAST or not 0.0 < span <= self.horizon:
            return None
        known = self._rows[: self._count].astype(np.float64)
        days = known[:, 3] + (self._start or 0.0)
        newest = days > self._newest - ONCE * self.every
        if newest.sum() >= LEAST:
            known, days = known[newest], days[newest]
        # before anything is seen an old customer is as likely as a new one on the first day
        prior = np.log(np.array([*self.prior[:4], self.prior.alpha / self.prior.r]))
        taken = days - self._first
        found, sure = fit_beginning(known[:, :3], taken - known[:, 2], taken, prior)
        if not np.isfinite(found).all():
            return None
        r, alpha, a, b, old = np.exp(found).tolist()
        return Beginning(r, alpha, a, b, old, span, sure)

    def _fit(self, day: float) -> None:
        known = self._rows[: self._count]
        newest = known[known[:, 3] > known[:, 3].max() - ONCE * self.every]
        rows = (newest if len(newest) >= ENOUGH else known)[:, :3].astype(np.float64)
        start = np.log(np.array((self.fitted or self.prior)[:4]))
        found = fit(rows, start=start, prior=np.log(np.array(self.prior[:4])))
        if np.isfinite(found).all():
            habit = Habit(*(float(value) for value in np.exp(found)))
            lately = day - NEWEST * self.every, day
            self._pace.learn(known[(known[:, 3] > lately[0]) & (known[:, 3] <= lately[1])], habit)
            self.fitted = habit._replace(pace=self._pace.value)
            self.fits += 1


def _coarse(days: float) -> float:
    return round(days * GRAIN) / GRAIN


def fit(rows: Rows, start: Rows, prior: Rows | None = None) -> Rows:
    """Find the most likely parameters.

    Args:
        rows: Repeats, age at the last one, age: a history a row.
        start: Logs of the parameters to start from.
        prior: Logs of parameters to stay near while there are few histories; by default none.

    Returns:
        Logs of r, alpha, a, b.
    """

    def cost(logs: Rows) -> tuple[float, Rows]:
        told, slopes = log_likelihood(logs, rows)
        value, slope = -float(told.mean()), -slopes.mean(axis=1)
        if prior is not None:
            away = (logs - prior) * (BELIEF / len(rows))
            return value + float(away @ (logs - prior)) / 2.0, slope + away
        return value, slope

    found: Rows = minimize(cost, start, jac=True, method="L-BFGS-B", bounds=_BOUNDS).x
    return found

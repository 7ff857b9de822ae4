"""How does this population order and leave: MBG/NBD fitted to a bounded sample of histories.

The fit needs no labels, only histories (orders, age at the last one, age), so it is there before the first horizon has
passed, and it is up to date when the labels are a horizon old. It is refitted on a schedule in event time; the same
histories in the same order give the same parameters.
"""

from math import inf
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import betaln, gammaln

from scorers.beginning import Beginning, fit_beginning
from scorers.closed_form import Habit, prior_habit
from scorers.pace import Pace
from scorers.transforms import Rhythm

ROWS = 2000  # histories kept, 32 kB
LEAST = 100  # histories from which a fit is tried
REFITS = 13  # a horizon: every week for one of 90 days
NEWEST = 1.5  # periods: everybody asked since the fit before
MOST_ACTS = 1000.0  # a machine that orders all day tells nothing of people
BELIEF = 2.0  # how many histories the prior outweighs, a parameter
_BOUNDS = [(-8.0, 9.0)] * 4

Rows = NDArray[np.float64]


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
        self._due = 0.0
        self._first = inf
        self._newest = 0.0

    def observe(self, known: Rhythm, day: float, name: str) -> bool:
        """Take a history into the sample, and fit when the time has come.

        Args:
            known: The history.
            day: Event time of it, in days.
            name: Decides which older history it replaces: each as likely, so that old ones fade.

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
        self._first, self._newest = min(self._first, day - known.age), max(self._newest, day)
        slot = self._count if self._count < ROWS else crc32(name.encode()) % ROWS
        self._count = min(self._count + 1, ROWS)
        self._rows[slot] = (
            min(known.acts, MOST_ACTS) - 1.0,
            known.age - known.recency,
            known.age,
            day - self._start,
        )
        return is_due

    def beginning(self) -> Beginning | None:
        """Learn who was a customer before the data began: up to a quarter of a second.

        Changes nothing here, so it may be asked at any time without what is learned depending on when.

        Returns:
            `None` with too few histories, and from the first horizon on.
        """
        span = self._newest - self._first
        if self._count < LEAST or not 0.0 < span <= self.horizon:
            return None
        known = self._rows[: self._count].astype(np.float64)
        days = known[:, 3] + (self._start or 0.0)
        newest = days > self._newest - NEWEST * self.every  # hardly anybody twice
        if newest.sum() >= LEAST:
            known, days = known[newest], days[newest]
        # before anything is seen an old customer is as likely as a new one on the first day
        prior = np.log(np.array([*self.prior[:4], self.prior.alpha / self.prior.r]))
        taken = days - self._first
        found = fit_beginning(known[:, :3], taken - known[:, 2], taken, prior)
        if not np.isfinite(found).all():
            return None
        r, alpha, a, b, old = np.exp(found).tolist()
        return Beginning(r, alpha, a, b, old, span)

    def _fit(self, day: float) -> None:
        known = self._rows[: self._count]
        rows = known[:, :3].astype(np.float64)
        start = np.log(np.array((self.fitted or self.prior)[:4]))
        found = fit(rows, start=start, prior=np.log(np.array(self.prior[:4])))
        if np.isfinite(found).all():
            habit = Habit(*(float(value) for value in np.exp(found)))
            lately = day - NEWEST * self.every, day
            self._pace.learn(known[(known[:, 3] > lately[0]) & (known[:, 3] <= lately[1])], habit)
            self.fitted = habit._replace(pace=self._pace.value)
            self.fits += 1


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
        value, slope = _cost(logs, rows)
        if prior is not None:
            away = (logs - prior) * (BELIEF / len(rows))
            return value + float(away @ (logs - prior)) / 2.0, slope + away
        return value, slope

    found: Rows = minimize(cost, start, jac=True, method="L-BFGS-B", bounds=_BOUNDS).x
    return found


def log_likelihood(logs: Rows, rows: Rows) -> Rows:
    """Give the log-likelihood of each history under MBG/NBD (Batislam, Denizel, Filiztekin 2007)."""
    r, alpha, a, b = np.exp(logs)
    x, last, age = rows.T
    ordering = gammaln(r + x) - gammaln(r) + r * logs[1]
    stayed = betaln(a, b + x + 1.0) - (r + x) * np.log(alpha + age)
    left = betaln(a + 1.0, b + x) - (r + x) * np.log(alpha + last)
    told: Rows = ordering - betaln(a, b) + np.logaddexp(stayed, left)
    return told


def _cost(logs: Rows, rows: Rows) -> tuple[float, Rows]:
    """Minus the mean log-likelihood, and its slope by central differences."""
    step = 1e-5
    slope = np.empty(4)
    for k in range(4):
        ahead, behind = logs.copy(), logs.copy()
        ahead[k] += step
        behind[k] -= step
        slope[k] = (log_likelihood(behind, rows).mean() - log_likelihood(ahead, rows).mean()) / (2.0 * step)
    return -float(log_likelihood(logs, rows).mean()), slope

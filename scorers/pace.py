"""Do customers come faster than the closed form fitted to them says?

The fit explains whole histories, from the first day on, by rates that never change. Whether it is right about the next
horizon can be seen without a single label: of those who were asked about some days ago, how many have come since, and how
many were expected to? The ratio of the two cumulative hazards is unbiased at any moment, for it counts the time that has
passed alike for everybody: nobody's early answer is used. Over a few days it is mostly noise, and what was fast lately may
be season, so it counts by the time that it has seen, and is believed as far as it lasts.
"""

from math import exp, log
from typing import Final

import numpy as np
from numpy.typing import NDArray

from scorers.closed_form import Habit

Histories = NDArray[np.float32]
"""Rows of repeats, age at the last one, and age; and, where they come from, the day on which they were taken."""

SAMPLE: Final = 400  # histories kept a period
KEPT: Final = 15  # periods
LEAST: Final = 100  # histories that tell a share
DOUBT: Final = 20.0  # customers who came that the fit alone is worth
MOST: Final = 4.0
SUREST: Final = 1e-4
SEASON: Final = (
    0.25  # variance of what comes and goes (in logs) before anything is seen of it: 0.6 to 1.6 times as fast
)
KNOWN: Final = 5.0  # spans that this is worth
MEMORY: Final = 0.97  # what a period counts when the next one has come


class Pace:
    """The lasting ratio of what happens to what is expected, about one unless it is clearly another.

    Args:
        span: Longest wait (days) that is looked at; what is seen over less counts less.

    Attributes:
        value: Factor on the cumulative hazard of the fit.
    """

    def __init__(self, span: float) -> None:
        self.value = 1.0
        self._span = span
        self._samples: list[tuple[float, Histories]] = []
        self._seen = 0.0
        self._mean = 0.0
        self._variance = 0.0

    def learn(self, histories: Histories, habit: Habit) -> None:
        """Compare a period with those before it.

        Args:
            histories: Of everybody asked about in the newest period.
            habit: Fitted to them.
        """
        if len(histories) < LEAST:
            return
        taken = histories[:: -(-len(histories) // SAMPLE)]  # from all of them, whatever their order
        day, newest = float(taken[:, 3].mean()), taken[:, :3].copy()
        before = [known for known in self._samples if known[0] < day][-KEPT:]
        self._samples = [*before, (day, newest)]
        self._judge(newest, [(day - then, sample) for then, sample in before], habit)

    def _judge(self, newest: Histories, before: list[tuple[float, Histories]], habit: Habit) -> None:
        """Pool the longer half of the waits that are no longer than the span."""
        waits = [wait for wait, _ in before if wait <= self._span * 1.01]
        longest = max((wait for wait in waits if (newest[:, 2] >= wait).sum() >= LEAST), default=0.0)
        came = happened = expected = 0.0
        for wait, sample in before:
            if not longest / 2.0 <= wait <= longest:
                continue
            known = newest[newest[:, 2] >= wait]
            silent = float((known[:, 2] - known[:, 1] >= wait).mean())
            came = max(came, (1.0 - silent) * len(known))
            happened -= log(max(silent, 0.5 / len(known)))
            expected -= log(max(float(chances(sample, wait, habit).mean()), SUREST))
        if expected > 0.0:
            ratio = (came * happened / expected + DOUBT) / (came + DOUBT)
            self._believe(log(min(max(ratio, 1.0 / MOST), MOST)), longest / self._span)

    def _believe(self, told: float, part: float) -> None:
        self._seen = self._seen * MEMORY + part
        step, off = part / self._seen, told - self._mean
        self._mean += step * off
        self._variance = (1.0 - step) * (self._variance + step * off * off)
        season = (self._seen * self._variance + KNOWN * SEASON) / (self._seen + KNOWN)
        square = self._mean * self._mean
        self.value = exp(self._mean * square / (square + season * (1.0 + 1.0 / self._seen)))


def chances(histories: Histories, days: float, habit: Habit) -> NDArray[np.float64]:
    """Give the chance of silence within *days* of each history: `scorers.closed_form.silence` for many, at a pace of one."""
    repeats, last, age = histories.astype(np.float64).T[:3]
    r, alpha, a, b, _ = habit
    shape, start = r + repeats, alpha + age
    with np.errstate(over="ignore"):  # then nobody is alive
        left = (a / (b + repeats)) * (start / (alpha + last)) ** shape
    made: NDArray[np.float64] = 1.0 - (1.0 - (start / (start + days)) ** shape) / (1.0 + left)
    return made

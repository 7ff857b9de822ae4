"""How likely is it that an active customer does nothing of the kind within the horizon?

Two opinions are mixed in log odds: the closed form under the parameters fitted to this population, which needs no labels
and is never late, and a regression over all inputs, which knows more and learns it a horizon late.
"""

from math import exp, log, log1p, sqrt
from typing import Final

import numpy as np
from river import drift

from scorers.closed_form import Habit, Silence, probability, silence
from scorers.evaluation import clipped, log_loss
from scorers.linear import LogisticRegression, Vector
from scorers.mixture import GRID, Mixture, blend
from scorers.transforms import INPUTS, Rhythm

CANCELLATION_ODDS: Final = log(0.1 / 0.9)
"""Log odds of a cancellation within the horizon, before any label: silence does not tell of contracts."""
BASE_LABELS: Final = 20.0  # labels that this is worth
SLOPE_RATE = 0.01
SLOPES: Final = (0.5, 2.0)
FORGET: Final = 0.25  # share of old merits that still count when the loss has drifted
HASTEN: Final = 0.02  # share of squared gradients kept then: steps are seven times as long

_CALENDAR: Final = ("days_since_first_order", "days_since_first_event", "days_in_stage")
READ: Final = np.array([float(name not in {f"log_{age}" for age in _CALENDAR}) for name in INPUTS])
"""Inputs that the regression reads. How long somebody has been known is left out: a population grows older than it was
when the labels were asked, and a weight on age would be asked about ages that it has not seen. The closed form knows."""


def told(
    known: Rhythm | None, usual: Silence, habit: Habit | None, basis: str, horizon: float, base: float
) -> float:
    """Give the log odds of churn that need no regression.

    Args:
        known: The watched activity.
        usual: What the closed form says of it under fixed parameters.
        habit: Parameters fitted to this population, `None` before there are any.
        basis: ``orders``, ``events`` or ``cancellations``: what a churned customer no longer does, or does.
        horizon: Days ahead.
        base: Log odds of a cancellation.
    """
    if basis == "cancellations":
        return base
    if known is None or habit is None:
        return usual.silent
    return silence(*known, horizon, habit).silent


class ChurnModel:
    """A logistic regression beside the closed form, mixed by how well each has answered.

    Attributes:
        regression: The learned challenger; its log odds are linear in the standardised inputs.
        slope: Factor on the closed form's log odds: how sure it may be.
        mixture: Judges both by answers.
        drift: River's ADWIN over the loss of what was really published.
        drifts: How often it has raised an alarm that things got worse.
    """

    def __init__(self) -> None:
        self.regression = LogisticRegression(len(INPUTS))
        self.slope = 1.0
        self.mixture = Mixture()
        self.drift = drift.ADWIN()
        self.drifts = 0
        self._slope_squares = 0.0
        self._churned = BASE_LABELS * probability(CANCELLATION_ODDS)
        self._labels = BASE_LABELS

    @property
    def base(self) -> float:
        """Log odds of churn among all answers so far, beginning at one in ten."""
        return log(self._churned / (self._labels - self._churned))

    def probability(self, z: Vector, said: float) -> float:
        """Predict the probability of churn.

        Args:
            z: Standardised inputs.
            said: What `told` says.
        """
        learned = self.regression.log_odds(z)  # weights of what it does not read stay zero
        return clipped(probability(blend(self.slope * said, learned, self.mixture.weight)))

    def learn(self, z: Vector, said: float, label: int, published: float | None) -> None:
        """Judge both opinions by the label, then learn it.

        Args:
            z: Standardised inputs of the instant of the question.
            said: What `told` says of it.
            label: 1 for churned, else 0.
            published: What was really predicted then; watched for drift.
        """
        learned, sure = self.regression.log_odds(z), self.slope * said
        self.mixture.update([_loss(blend(sure, learned, weight), label) for weight in GRID])
        self._watch(probability(sure) if published is None else published, label)
        self._steepen(said, label)
        self.regression.learn(z * READ, label, learned)
        self._churned += label
        self._labels += 1.0

    def _steepen(self, said: float, label: int) -> None:
        slope = (probability(self.slope * said) - label) * said
        self._slope_squares += slope * slope
        low, high = SLOPES
        self.slope -= SLOPE_RATE * slope / sqrt(self._slope_squares + 1e-8)
        self.slope = min(max(self.slope, low), high)

    def _watch(self, published: float, label: int) -> None:
        before = self.drift.estimation
        self.drift.update(log_loss(published, label))
        if self.drift.drift_detected and self.drift.estimation > before:
            self.drifts += 1
            self.mixture.forget(FORGET)
            self.regression.hasten(HASTEN)


def _loss(log_odds: float, label: int) -> float:
    """Log-loss from log odds, no surer than `clipped`."""
    against = min(max(-log_odds if label else log_odds, -9.2), 9.2)
    return log1p(exp(against))

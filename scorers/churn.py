"""How likely is it that an active customer does nothing of the kind within the horizon?

The closed form under the parameters fitted to this population needs no labels and is never late, and it knows the
level: how many will churn in these days. What the inputs say beside it is who is likelier than who. That is learned
twice, from answers that are a horizon late: as a correction of the closed form in small steps, and afresh by a
regression that knows which inputs tell the same; their mean is the champion. While they learn, both take the level of
the labels' own time as given, so that a season that has passed since teaches nothing about customers. The challenger is
a regression that believes labels alone, their level too: where the closed form is far from what customers do it earns
the larger share (`scorers.mixture`).

When ADWIN finds that the loss of what was published has grown, that counts as an alarm: the challenger learns faster again
and is judged mainly by new answers, while the champion keeps the risks where they were.
"""

from math import exp, log, log1p, sqrt
from typing import Final, NamedTuple

import numpy as np
from river import drift

from scorers.closed_form import Habit, Silence, probability, silence
from scorers.evaluation import clipped, log_loss
from scorers.level import Level
from scorers.linear import EPSILON, AdaGrad, Newton, Vector
from scorers.mixture import GRID, Mixture, blend
from scorers.transforms import INPUTS, Rhythm

CANCELLATION_ODDS: Final = log(0.1 / 0.9)
"""Log odds of a cancellation within the horizon, before any label: silence does not tell of contracts."""
BASE_LABELS: Final = 20.0  # labels that this is worth
RATES: Final = np.array([[0.003], [0.05]])
"""First steps of the correction and of the challenger, which begins further from the truth."""
FIRST_SQUARES: Final = np.array([[1.0], [EPSILON]])
VARIANCE: Final = 0.005
"""Of a weight that is learned afresh, before any answer: an input moves the log odds by less than a tenth a deviation."""
LEVEL_RATE: Final = 0.02  # the level of the labels' time follows some fifty answers
HALF: Final = 300.0  # answers until what is learned afresh has half of its share
BELIEF: Final = (0.6, 0.25, 0.1, 0.04, 0.01)
"""Trust in shares of the challenger before any answer: it has to be clearly better."""
TEMPER: Final = 50.0  # judged when learned, an answer flatters who follows the level of its time
SURE: Final = 1e-6  # chance of a false alarm, were answers independent; those of one week are far from it
FORGET: Final = 0.1  # share of old merits that still count when the loss has drifted
HASTEN: Final = 0.005  # share of the challenger's squared gradients kept: steps are fourteen times as long
CHALLENGER: Final = 1  # its row


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


class Opinion(NamedTuple):
    """The log odds of churn, as they are mixed: linear in what the closed form says and in the inputs.

    Attributes:
        constant: Log odds of the average customer, without the closed form.
        trust: Factor on the closed form's log odds.
        weights: Log odds by standardised input.
    """

    constant: float
    trust: float
    weights: Vector


class ChurnModel:
    """Champion and challenger, mixed in log odds.

    Attributes:
        regressions: Weights of the correction and of the challenger, a row each.
        afresh: Weights of what is learned afresh.
        intercept: The challenger's log odds of the average customer.
        mixture: Judges champion and challenger by answers.
        level: The closed form's lasting error.
        drift: River's ADWIN over the loss of what was really published.
        drifts: How often it has raised an alarm that things got worse.
    """

    def __init__(self) -> None:
        self.regressions = AdaGrad((2, len(INPUTS)), RATES, FIRST_SQUARES)
        self.afresh = Newton(len(INPUTS), VARIANCE)
        self.intercept = 0.0
        self.mixture = Mixture(TEMPER, BELIEF)
        self.level = Level()
        self.drift = drift.ADWIN(delta=SURE)
        self.drifts = 0
        self._passing = [0.0, 0.0]
        self._squares = EPSILON
        self._answers = 0
        self._churned = BASE_LABELS * probability(CANCELLATION_ODDS)
        self._labels = BASE_LABELS

    @property
    def has_learned(self) -> bool:
        """Whether there has been an answer."""
        return self._answers > 0

    @property
    def base(self) -> float:
        """Log odds of churn among all answers so far, beginning at one in ten."""
        return log(self._churned / (self._labels - self._churned))

    def opinion(self, usual: float) -> Opinion:
        """Mix what is known now.

        Args:
            usual: What `told` says of the average customer.
        """
        fresh, share = self._fresh, self.mixture.weight
        corrected, challenger = self.regressions.weights
        return Opinion(
            constant=blend(self.level.value + fresh * usual, self.intercept, share),
            trust=(1.0 - share) * (1.0 - fresh),
            weights=blend(blend(corrected, self.afresh.weights, fresh), challenger, share),
        )

    def probability(self, z: Vector, said: float, usual: float) -> float:
        """Predict the probability of churn.

        Args:
            z: Inputs as distances from the average customer of the same days, standardised.
            said: What `told` says.
            usual: What it says of that average customer.
        """
        corrected, challenger = (self.regressions.weights @ z).tolist()
        fresh = float(self.afresh.weights @ z)
        champion = blend(said + corrected, usual + fresh, self._fresh) + self.level.value
        return clipped(probability(blend(champion, self.intercept + challenger, self.mixture.weight)))

    def learn(
        self, z: Vector, said: float, usual: float, label: int, published: float | None, block: float
    ) -> None:
        """Judge all opinions by the label, then learn it.

        Args:
            z: Standardised inputs of the instant of the question.
            said: What `told` says of it.
            usual: What it says of the average customer then.
            label: 1 for churned, else 0.
            published: What was really predicted then; watched for drift.
            block: Number of the period of the question.
        """
        corrected, challenger = (self.regressions.weights @ z).tolist()
        fresh = float(self.afresh.weights @ z)
        corrected, fresh, challenger = said + corrected, usual + fresh, self.intercept + challenger
        champion = blend(corrected, fresh, self._fresh)
        self._watch(probability(champion) if published is None else published, label)
        level, passing = self.level.value, self._passing
        self.mixture.update([_loss(blend(champion + level, challenger, weight), label) for weight in GRID])
        self.level.learn(block, champion, label)
        off = probability(corrected + passing[0]) - label, probability(challenger) - label
        chance = probability(fresh + passing[1])
        self.regressions.step(np.multiply.outer(off, z))
        self.afresh.step(z, chance, label)
        passing[0] -= LEVEL_RATE * off[0]
        passing[1] -= LEVEL_RATE * (chance - label)
        self._squares += off[1] * off[1]
        self.intercept -= float(RATES[CHALLENGER, 0]) * off[1] / sqrt(self._squares)
        self._answers += 1
        self._churned += label
        self._labels += 1.0

    @property
    def _fresh(self) -> float:
        """Share of what is learned afresh in the champion."""
        return 0.5 * self._answers / (self._answers + HALF)

    def _watch(self, published: float, label: int) -> None:
        before = self.drift.estimation
        self.drift.update(log_loss(published, label))
        if self.drift.drift_detected and self.drift.estimation > before:
            self.drifts += 1
            self.mixture.forget(FORGET)
            self.regressions.hasten(CHALLENGER, HASTEN)
            self._squares *= HASTEN


def _loss(log_odds: float, label: int) -> float:
    """Log-loss from log odds, no surer than `clipped`."""
    against = min(max(-log_odds if label else log_odds, -9.2), 9.2)
    return log1p(exp(against))

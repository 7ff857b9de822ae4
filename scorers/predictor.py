"""What do the models say about one customer, cheaply and without River?

A predictor is plain numbers, copied out of a learner: immutable, the same in every worker, readable without
unpickling anything. It equals the learner's own River models to 1e-9.
"""

from collections.abc import Sequence
from math import exp
from operator import mul
from typing import ClassVar, NamedTuple

import msgspec

from scorers.churn import prior_risk
from scorers.closed_form import Silence, probability
from scorers.evaluation import clipped
from scorers.learner import FEATURE_SCHEMA, Learner, Task
from scorers.next_stage import STAGE_INPUTS, folded, stage_input
from scorers.transforms import CLIP, FEATURES, INPUTS, activity, inputs
from scorers.value import amount, value_prior

Row = tuple[float, ...]


class Scores(NamedTuple):
    """All answers about one customer.

    Attributes:
        churn: Probability of churn within its horizon; 0 for somebody who has never been active.
        next_stage: Probability per stage index; the current stage's means stay.
        value: Expected spend within its horizon, in the base currency.
    """

    churn: float
    next_stage: list[float]
    value: float


class Predictor(msgspec.Struct, frozen=True, kw_only=True):
    """The serving form of a learner.

    Attributes:
        task: What is predicted.
        version: Labels learned; 0 is the cold start, and only grows.
        centre: Mean of each input.
        spread: One over the standard deviation of each input, 0 for a constant one.
        churn_weights: Log odds per standardised input.
        churn_intercept: Log odds at the mean.
        churn_share: The learned model's share in the mixture; with 0 only the prior speaks.
        stage_weights: Per class (each stage, then stay) a weight per standardised input.
        stage_intercepts: Per current stage, an intercept per class.
        stage_prior: Per current stage, the observed distribution over classes.
        stage_share: The learned model's share in the mixture.
        value_weights: Log amount per standardised input.
        value_intercept: Log amount at the mean.
        value_correction: Factor back from the log scale.
        value_share: The learned model's share in the mixture.
    """

    features: ClassVar[tuple[str, ...]] = FEATURES
    schema: ClassVar[str] = FEATURE_SCHEMA

    task: Task
    version: int
    centre: Row
    spread: Row
    churn_weights: Row
    churn_intercept: float
    churn_share: float
    stage_weights: tuple[Row, ...]
    stage_intercepts: tuple[Row, ...]
    stage_prior: tuple[Row, ...]
    stage_share: float
    value_weights: Row
    value_intercept: float
    value_correction: float
    value_share: float

    def score(self, x: Sequence[float], stage: int) -> Scores:
        """Answer everything at once: inputs are prepared once, which is what costs.

        Args:
            x: Values of `features`; ages in days, infinite when never.
            stage: Index of the current stage.
        """
        task = self.task
        known = activity(x, task.churn, task.churn_days)
        z = self._scaled(x, known)
        return Scores(self._churn(z, known), self._next_stage(z, stage), self._value(x, z, known))

    def churn(self, x: Sequence[float]) -> float:
        """Give the probability of churn within its horizon; 0 for somebody who has never been active."""
        known = self._known(x)
        return self._churn(self._scaled(x, known), known)

    def next_stage(self, x: Sequence[float], stage: int) -> list[float]:
        """Give the probability of each stage within its horizon; the current stage's means stay."""
        return self._next_stage(self._scaled(x, self._known(x)), stage)

    def value(self, x: Sequence[float]) -> float:
        """Give the expected spend within its horizon, in the base currency."""
        known = self._known(x)
        return self._value(x, self._scaled(x, known), known)

    def _known(self, x: Sequence[float]) -> Silence:
        return activity(x, self.task.churn, self.task.churn_days)

    def _scaled(self, x: Sequence[float], known: Silence) -> list[float]:
        if not self.version:
            return []
        # Conditional expressions instead of min() and max(): half the time.
        return [
            (z if z < CLIP else CLIP) if (z := (value - centre) * spread) > -CLIP else -CLIP  # noqa: FURB136
            for value, centre, spread in zip(inputs(x, known), self.centre, self.spread, strict=True)
        ]

    def _churn(self, z: list[float], known: Silence) -> float:
        prior = prior_risk(known, self.task.churn)
        if prior is None:
            return 0.0
        share = self.churn_share
        if not share:
            return clipped(prior)
        learned = probability(sum(map(mul, self.churn_weights, z), self.churn_intercept))
        return clipped(prior + (learned - prior) * share)

    def _next_stage(self, z: list[float], stage: int) -> list[float]:
        prior = self.stage_prior[stage]
        share = self.stage_share
        if not share:
            return folded(list(prior), stage)
        # The weights are shorter than z: the next stage reads its first inputs only.
        logits = [
            sum(map(mul, weights, z), intercept)
            for weights, intercept in zip(self.stage_weights, self.stage_intercepts[stage], strict=True)
        ]
        most = max(logits)
        odds = [exp(logit - most) for logit in logits]
        scale = share / sum(odds)
        kept = 1.0 - share
        return folded([kept * p + scale * o for p, o in zip(prior, odds, strict=True)], stage)

    def _value(self, x: Sequence[float], z: list[float], known: Silence) -> float:
        task, share = self.task, self.value_share
        prior = value_prior(x, known, task.churn, task.churn_days, task.value_days)
        if not share:
            return prior
        learned = amount(sum(map(mul, self.value_weights, z), self.value_intercept)) * self.value_correction
        return prior + (learned - prior) * share


def predictor_of(learner: Learner) -> Predictor:
    """Copy the numbers out of a learner.

    Examples:
        >>> cold = cold_start(Task(lifecycle="retail", stages=("new", "loyal")))
        >>> cold.version, cold.next_stage([0.0] * len(FEATURES), 0)
        (0, [0.8, 0.2])
    """
    stages = range(len(learner.task.stages))
    deviations = [learner.scaler.vars.get(name, 0.0) ** 0.5 for name in INPUTS]
    softmax = [learner.next_stage.softmax.weights[to] for to in range(len(stages) + 1)]
    churn, value = learner.churn, learner.value
    return Predictor(
        task=learner.task,
        version=learner.labels,
        centre=tuple(learner.scaler.means.get(name, 0.0) for name in INPUTS),
        spread=tuple(1.0 / deviation if deviation else 0.0 for deviation in deviations),
        churn_weights=_weights(churn.regression.weights),
        churn_intercept=float(churn.regression.intercept),
        churn_share=churn.mixture.weight,
        stage_weights=tuple(_weights(weights)[:STAGE_INPUTS] for weights in softmax),
        stage_intercepts=tuple(
            tuple(float(weights.get(stage_input(stage), 0.0)) for weights in softmax) for stage in stages
        ),
        stage_prior=tuple(tuple(learner.next_stage.frequencies.distribution(stage)) for stage in stages),
        stage_share=learner.next_stage.mixture.weight,
        value_weights=_weights(value.regression.weights),
        value_intercept=float(value.regression.intercept),
        value_correction=value.correction,
        value_share=value.mixture.weight,
    )


def cold_start(task: Task) -> Predictor:
    """Make the predictor that serves before the first label: the closed form, and mostly stay."""
    return predictor_of(Learner(task))


def _weights(weights: dict[str, float]) -> Row:
    return tuple(float(weights.get(name, 0.0)) for name in INPUTS)

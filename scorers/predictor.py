"""What do the models say about one customer, cheaply and without learning anything?

A predictor is plain numbers, copied out of a learner: immutable, the same in every worker, readable without
unpickling anything. It equals the learner's own models to 1e-9. Whatever goes in, what comes out is a number: an
answer that is not one is replaced by the closed form's, and counted.
"""

from collections.abc import Callable, Sequence
from functools import cached_property, partial
from math import exp, isfinite, log
from typing import Any, ClassVar, NamedTuple

import msgspec
import numpy as np

from scorers.beginning import Beginning, silent_at_beginning
from scorers.closed_form import NOTHING_KNOWN, Habit, Silence, probability, silence
from scorers.deadline import Deadline, chance_of_silence
from scorers.evaluation import clipped
from scorers.following import Following, distribution, following_of
from scorers.learner import FEATURE_SCHEMA, Learner, Task
from scorers.linear import CLIP
from scorers.next_stage import place_of
from scorers.transforms import FEATURES, FITTED, INPUTS, Rhythm, inputs, rhythm
from scorers.value import YEAR, bounded, expected_spend, factor, judged

Row = tuple[float, ...]
Foresee = Callable[[], Deadline | None]


class Scores(NamedTuple):
    """All answers about one customer.

    Attributes:
        churn: Probability of churn within its horizon; 0 for somebody who has never been active.
        next_stage: Probability per stage index; the current stage's means stay.
        value: Typical spend within its horizon, in the base currency: the number with the least absolute error.
    """

    churn: float
    next_stage: list[float]
    value: float


class Outlook(NamedTuple):
    """The churn, and the ways to the other answers: most looks at a customer need no more than the churn.

    Attributes:
        churn: As in `Scores`.
        next_stage: Works the distribution out.
        value: Works the spend out.
    """

    churn: float
    next_stage: Callable[[], list[float]]
    value: Callable[[], float]


class Predictor(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """The serving form of a learner.

    Attributes:
        task: What is predicted.
        version: Grows with each label, and with each fit of the closed form; 0 is the cold start.
        labels: Labels learned.
        habit: Fitted parameters of the closed form, `None` before there are any.
        beginning: What is believed instead in the first days, until there are answers about churn.
        centre: Mean of each input these days.
        spread: One over the standard deviation of each input, 0 for a constant one.
        weights: Per regression a weight per standardised input: churn, value, then each stage and staying.
        churn_constant: Log odds of churn of the average customer, without the closed form.
        churn_trust: Factor on the closed form's log odds; 1 while nothing is learned.
        churn_share: The challenger's share.
        churn_base: Log odds of a cancellation.
        following: What follows each stage.
        value_share: Share of the correction that is believed.
        value_factors: From the expected to the typical spend, by the log of the expected spend.
        value_unit: Mean spend of everybody.
        value_usual: The population's mean amount of a day with orders.
        value_newcomer: Mean spend of those for whom nothing can be expected yet.
    """

    features: ClassVar[tuple[str, ...]] = FEATURES
    schema: ClassVar[str] = FEATURE_SCHEMA

    task: Task
    version: int
    labels: int
    habit: Habit | None
    beginning: Beginning | None
    centre: Row
    spread: Row
    weights: tuple[Row, ...]
    churn_constant: float
    churn_trust: float
    churn_share: float
    churn_base: float
    following: Following
    value_share: float
    value_factors: Row
    value_unit: float
    value_usual: float
    value_newcomer: float

    @cached_property
    def _arrays(self) -> tuple[Any, Any, Any]:
        return np.array(self.centre), np.array(self.spread), np.array(self.weights)

    def look(self, x: Sequence[float], stage: int, foresee: Foresee | None = None) -> Outlook:
        """Prepare the inputs, which is what costs, and answer as much as is asked for.

        Args:
            x: Values of `features`; ages in days, infinite when never. Not to be changed before the last answer.
            stage: Index of the current stage.
            foresee: Finds the move that silence alone brings within the horizon of the next stage; asked only for that.
        """
        task, habit = self.task, self.habit
        horizon = task.churn_days
        known = rhythm(x, task.churn)
        usual = NOTHING_KNOWN if known is None else silence(*known, horizon)
        fitted = usual if known is None or habit is None else silence(*known, horizon, habit)
        said = self.churn_base if task.churn == "cancellations" else fitted.silent
        logits = self._logits(inputs(x, known, horizon, said, usual)) if self.labels else None
        churn = 0.0 if known is None else self._churn(self._first_said(known, said), logits)
        following = partial(self._next_stage, stage, x, usual.silent, fitted, churn, logits, foresee)
        return Outlook(churn, following, partial(self._value, x, known, fitted, logits))

    def score(self, x: Sequence[float], stage: int, deadline: Deadline | None = None) -> Scores:
        """Answer everything; for *x* and *stage* see `look`, which finds *deadline*."""
        churn, following, value = self.look(x, stage, lambda: deadline)
        return Scores(churn, following(), value())

    def churn(self, x: Sequence[float]) -> float:
        """Give the probability of churn within its horizon; 0 for somebody who has never been active."""
        return self.score(x, 0).churn

    def next_stage(self, x: Sequence[float], stage: int, deadline: Deadline | None = None) -> list[float]:
        """Give the probability of each stage within its horizon; the current stage's means stay."""
        return self.score(x, stage, deadline).next_stage

    def value(self, x: Sequence[float]) -> float:
        """Give the typical spend within its horizon, in the base currency."""
        return self.score(x, 0).value

    def value_ahead(self, x: Sequence[float], days: float = YEAR, value: float | None = None) -> float:
        """Give the typical spend within *days*, drawn out of that within the horizon as the closed form has it.

        Args:
            x: Values of `features`.
            days: Days ahead, above zero; by default a year, for the customer lifetime value.
            value: What `value` gives, if that is known already.
        """
        known = rhythm(x, self.task.churn)
        fitted = NOTHING_KNOWN if known is None else silence(*known, self.task.churn_days, self.habit)
        near = self._spend(x, known, fitted, self.task.value_days)
        longer = self._spend(x, known, fitted, days) / near if near > 0.0 else days / self.task.value_days
        return (self.value(x) if value is None else value) * longer

    def closed_form(self, x: Sequence[float]) -> float | None:
        """Give the log odds of churn that need no regression; `None` for somebody who has never been active."""
        known = rhythm(x, self.task.churn)
        if known is None:
            return None
        if self.task.churn == "cancellations":
            return self.churn_base
        return self._first_said(known, silence(*known, self.task.churn_days, self.habit).silent)

    @property
    def usual(self) -> float:
        """What `closed_form` says of the average customer."""
        return self.centre[FITTED]

    def _first_said(self, known: Rhythm, said: float) -> float:
        """What is said of churn in the first days; later *said*."""
        first = self.beginning
        if first is None:
            return said
        acts, age, recency = known
        days, new = self.task.churn_days, probability(said)
        silent = clipped(silent_at_beginning(acts - 1.0, age - recency, age, days, first, new))
        return log(silent / (1.0 - silent))

    def _logits(self, x: Any) -> list[float]:
        centre, spread, weights = self._arrays
        x -= centre
        x *= spread
        np.minimum(x, CLIP, out=x)
        np.maximum(x, -CLIP, out=x)
        logits: list[float] = (weights @ x).tolist()
        return logits

    def _churn(self, said: float, logits: list[float] | None) -> float:
        if logits is None:
            return clipped(probability(said))
        log_odds = self.churn_constant + self.churn_trust * said + logits[0]
        if not isfinite(log_odds):
            _note_guard()
            return clipped(probability(said if isfinite(said) else 0.0))
        return clipped(probability(log_odds))

    def _next_stage(
        self,
        stage: int,
        x: Sequence[float],
        silent: float,
        fitted: Silence,
        churn: float,
        logits: list[float] | None,
        foresee: Foresee | None,
    ) -> list[float]:
        task, habit = self.task, self.habit

        def lasting(due: Deadline) -> float:
            return chance_of_silence(due, x, task.churn, task.churn_days, habit, fitted, churn)

        place = place_of(x, silent, foresee() if foresee is not None else None, lasting)
        told = self.following.told(stage, place)
        if logits is None:
            return distribution(told)
        corrected = self.following.corrected(told, stage, place, logits[2:])
        if not isfinite(sum(corrected)):
            _note_guard()
            return distribution(told)
        return distribution(corrected)

    def _spend(self, x: Sequence[float], known: Rhythm | None, fitted: Silence, ahead: float) -> float:
        task, habit, usual = self.task, self.habit, self.value_usual
        if task.churn == "orders":
            return expected_spend(x, usual, known, fitted, habit, task.churn_days, ahead)
        bought = rhythm(x, "orders")
        expects = judged(bought, None, task.churn_days)
        return expected_spend(x, usual, bought, expects, None, task.churn_days, ahead)

    def _value(
        self, x: Sequence[float], known: Rhythm | None, fitted: Silence, logits: list[float] | None
    ) -> float:
        spend = self._spend(x, known, fitted, self.task.value_days) or self.value_newcomer
        if logits is None:
            return spend
        corrected = spend * exp(self.value_share * bounded(logits[1]))
        told = corrected * factor(self.value_factors, corrected, self.value_unit)
        if not isfinite(told):
            _note_guard()
            return spend
        return told


guarded = 0
"""Answers of this process that were not numbers and have been replaced by the closed form's."""


def _note_guard() -> None:
    global guarded  # noqa: PLW0603 - one count a process, read by its metrics
    guarded += 1


def predictor_of(learner: Learner) -> Predictor:
    """Copy the numbers out of a learner.

    Examples:
        >>> cold = cold_start(Task(lifecycle="retail", stages=("new", "loyal")))
        >>> cold.version, [round(p, 9) for p in cold.next_stage([0.0] * len(FEATURES), 0)]
        (0, [0.8, 0.2])
    """
    churn, value, habits = learner.churn, learner.value, learner.population.habits
    centre = learner.population.now.centre
    opinion = churn.opinion(float(centre[FITTED]))
    softmax = learner.next_stage.regression
    return Predictor(
        task=learner.task,
        version=learner.version,
        labels=learner.labels,
        habit=habits.fitted,
        beginning=None if churn.has_learned or learner.task.churn == "cancellations" else habits.beginning(),
        centre=_row(centre),
        spread=_row(learner.scaler.spread),
        weights=(
            _row(opinion.weights),
            _row(value.correction.weights),
            *(_row(weights) for weights in softmax.inner.weights),
        ),
        churn_constant=opinion.constant,
        churn_trust=opinion.trust,
        churn_share=churn.mixture.weight,
        churn_base=churn.base,
        following=following_of(learner.next_stage),
        value_share=value.mixture.weight,
        value_factors=tuple(value.curve()),
        value_unit=value.unit,
        value_usual=value.usual,
        value_newcomer=value.newcomer,
    )


def cold_start(task: Task) -> Predictor:
    """Make the predictor that serves before the first label: the closed form, and mostly stay."""
    return predictor_of(Learner(task))


def _row(values: Any) -> Row:
    return tuple(values.tolist())


__all__ = ["INPUTS", "Outlook", "Predictor", "Scores", "cold_start", "predictor_of"]

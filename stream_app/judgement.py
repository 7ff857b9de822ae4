"""Predictions as they were made, with what became true: `predictions.jsonl`, and the columns that figures need."""

from array import array
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import orjson

from state import DAY, Horizons, format_instant

__all__ = ["LABELS", "Judgement", "Learned", "Prediction", "learning_delays"]

LABELS = ("churn", "next_stage", "value")
"""What is answered of a question."""

_KINDS = {"q": np.int64, "d": np.float64, "f": np.float32, "b": np.int8}


def learning_delays(horizons: Horizons) -> dict[str, int]:
    """When each kind of label of an aligned snapshot is learned (µs after the question).

    Each at its own horizon; those that share one are one example.

    Examples:
        >>> learning_delays(Horizons(churn=90, next_stage=30, value=90))
        {'churn': 90, 'next_stage': 30, 'value': 90}
    """
    return {"churn": horizons.churn, "next_stage": horizons.next_stage, "value": horizons.value}


class Prediction(msgspec.Struct, kw_only=True):
    """One answer of the models at one instant.

    Attributes:
        customer: Customer id.
        lifecycle: Name of the lifecycle.
        at: Instant (µs) of the question.
        stage: The customer's stage then.
        churn_risk: Probability of churn, None for somebody who was never active.
        next_stage: Probability by stage name; that of the current stage means stay.
        value: Expected spend within the value horizon.
        year: Expected spend within a year, None where it was not asked.
        model_version: Version of the models.
        recency: Days since the last act that is watched for churn; infinite if never.
        tenure: Days in the stage.
        before: Spend within as long as the value horizon before the question.
        churned: What became true: 1, 0, or None while that is unknown.
        next: The stage moved to, the current one for stay, None while that is unknown.
        spent: What was spent, None while that is unknown.
    """

    customer: str
    lifecycle: str
    at: int
    stage: str
    churn_risk: float | None
    next_stage: dict[str, float]
    value: float
    year: float | None = None
    model_version: int
    recency: float
    tenure: float
    before: float
    churned: int | None = None
    next: str | None = None
    spent: float | None = None


class Learned(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the audit trail `labels.jsonl`: labels that were learned together.

    Attributes:
        lifecycle: Name of the lifecycle.
        labels: Which labels: ``churn``, ``next_stage``, ``value``.
        asked_at: When the questions were asked (µs).
        answered_at: When their horizon had passed (µs).
        learned_at: When the models learned (µs of event time).
        examples: How many customers.
        known: How many labels of each kind: not every customer has all.
        model_version: Version of the models afterwards.
    """

    lifecycle: str
    labels: tuple[str, ...]
    asked_at: int
    answered_at: int
    learned_at: int
    examples: int
    known: dict[str, int]
    model_version: int


class _Columns:
    """Rows kept by column, a few bytes each."""

    def __init__(self, **kinds: str) -> None:
        self._columns = {name: array(kind) for name, kind in kinds.items()}

    def append(self, *values: Any) -> None:
        for column, value in zip(self._columns.values(), values, strict=True):
            column.append(value)

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        return {
            name: np.frombuffer(column, _KINDS[column.typecode]) if column else np.empty(0)
            for name, column in self._columns.items()
        }

    def __len__(self) -> int:
        return len(next(iter(self._columns.values())))


class Judgement:
    """Takes the predictions about one lifecycle as they are answered, about 100 bytes each.

    Args:
        stages: Stage names, in order.
        horizons: How far labels look ahead.
        write: Gets each line of `predictions.jsonl`.
        audit: Gets each line of `labels.jsonl`.

    Attributes:
        stages: As given.
        horizons: As given.
        asked: Predictions made.
        known: How many of them had a churn risk.
        waits: Labels learned by (label, wait in µs from the question).
        grain: Step (µs) in which questions are asked and models learn.
    """

    def __init__(
        self,
        stages: tuple[str, ...],
        horizons: Horizons,
        write: Callable[[bytes], object],
        audit: Callable[[bytes], object],
    ) -> None:
        self.stages = stages
        self.horizons = horizons
        self.asked = 0
        self.known = 0
        self.waits: Counter[tuple[str, int]] = Counter()
        self.grain = 1
        self._write = write
        self._audit = audit
        self._index = {stage: index for index, stage in enumerate(stages)}
        self._value_key = f"value_{horizons.value / DAY:g}d"
        self._churn = _Columns(at="q", stage="b", risk="d", label="b", recency="f")
        self._next = _Columns(
            at="q", stage="b", tenure="f", label="b", chance="d", likeliest="b", staying="d"
        )
        self._value = _Columns(at="q", stage="b", said="d", spent="d", before="d")

    def tell(self, prediction: Prediction) -> None:
        """Judge a prediction whose answers are known as far as they will be."""
        self._write(self._line(prediction))
        self.asked += 1
        at, stage = prediction.at, self._index[prediction.stage]
        risk = prediction.churn_risk
        if risk is not None:
            self.known += 1
            if prediction.churned is not None:
                self._churn.append(at, stage, risk, prediction.churned, prediction.recency)
        if prediction.next is not None and prediction.next_stage:
            chances = prediction.next_stage
            label, likeliest = self._index[prediction.next], max(chances, key=chances.__getitem__)
            self._next.append(
                at,
                stage,
                prediction.tenure,
                label,
                chances.get(prediction.next, 0.0),
                self._index[likeliest],
                chances.get(prediction.stage, 0.0),
            )
        if prediction.spent is not None:
            self._value.append(at, stage, prediction.value, prediction.spent, prediction.before)

    def learned(self, trail: Iterable[Learned]) -> None:
        """Keep the audit trail of what was learned."""
        for step in trail:
            for label, count in step.known.items():
                self.waits[label, step.learned_at - step.asked_at] += count
            self._audit(
                orjson.dumps(
                    {
                        "lifecycle": step.lifecycle,
                        "labels": step.labels,
                        "asked_at": format_instant(step.asked_at),
                        "answered_at": format_instant(step.answered_at),
                        "learned_at": format_instant(step.learned_at),
                        "examples": step.examples,
                        "model_version": step.model_version,
                    }
                )
            )

    def churn(self) -> dict[str, npt.NDArray[Any]]:
        """Answered churn risks by column: at, stage, risk, label, recency."""
        return self._churn.arrays()

    def next_stage(self) -> dict[str, npt.NDArray[Any]]:
        """Answered next stages: at, stage, tenure, label, chance given to it, likeliest, chance of staying."""
        return self._next.arrays()

    def value(self) -> dict[str, npt.NDArray[Any]]:
        """Answered values: at, stage, said, spent, spent as long before."""
        return self._value.arrays()

    def _line(self, prediction: Prediction) -> bytes:
        risk = prediction.churn_risk
        return orjson.dumps(
            {
                "customer_id": prediction.customer,
                "lifecycle": prediction.lifecycle,
                "at": format_instant(prediction.at),
                "stage": prediction.stage,
                "churn_risk": None if risk is None else round(risk, 6),
                "label": prediction.churned,
                "next_stage": {stage: round(chance, 6) for stage, chance in prediction.next_stage.items()},
                "next_stage_label": prediction.next,
                self._value_key: round(prediction.value, 2),
                **({} if prediction.year is None else {"value_365d": round(prediction.year, 2)}),
                "value_label": None if prediction.spent is None else round(prediction.spent, 6),
                "model_version": prediction.model_version,
            }
        )

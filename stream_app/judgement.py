"""Predictions as they were made, with what became true: `predictions.jsonl`, and what metrics take of it."""

from array import array
from collections.abc import Callable
from typing import Any

import msgspec
import orjson

from scorers.evaluation import BinaryFigures, binary_figures, log_loss
from scorers.quality import StageQuality, ValueQuality
from state import DAY, format_instant


class Prediction(msgspec.Struct, kw_only=True):
    """One answer of the models at one instant.

    Attributes:
        customer: Customer id.
        lifecycle: Name of the lifecycle.
        at: Instant (µs); the prediction knows what happened before it.
        churn_risk: Probability of churn, None for somebody who was never active.
        next_stage: Probability by stage name; that of the current stage means stay.
        value: Expected spend within the value horizon.
        model_version: Version of the models.
        churned: What became true: 1, 0, or None while that is unknown.
        next: The stage moved to, the current one for stay, None while that is unknown.
        spent: What was spent, None while that is unknown.
    """

    customer: str
    lifecycle: str
    at: int
    churn_risk: float | None
    next_stage: dict[str, float]
    value: float
    model_version: int
    churned: int | None = None
    next: str | None = None
    spent: float | None = None

    def line(self) -> bytes:
        """The prediction as a line of `predictions.jsonl`."""
        return orjson.dumps(
            {
                "customer_id": self.customer,
                "lifecycle": self.lifecycle,
                "at": format_instant(self.at),
                "churn_risk": None if self.churn_risk is None else round(self.churn_risk, 6),
                "label": self.churned,
                "next_stage": {stage: round(chance, 6) for stage, chance in self.next_stage.items()},
                "next_stage_label": self.next,
                "value": round(self.value, 2),
                "spent": self.spent,
                "model_version": self.model_version,
            }
        )


class Judgement:
    """Judges the predictions about one lifecycle, in the order in which they are told.

    Args:
        write: Gets each line of `predictions.jsonl`.

    Attributes:
        risks: Predicted churn risks that were answered.
        labels: What became true, aligned.
        instants: When they were predicted (µs), aligned.
    """

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self.risks = array("d")
        self.labels = array("b")
        self.instants = array("q")
        self._write = write
        self._stages = StageQuality()
        self._values = ValueQuality()

    def tell(self, prediction: Prediction) -> None:
        """Judge a prediction whose answers are known as far as they will be."""
        self._write(prediction.line())
        if prediction.churned is not None and prediction.churn_risk is not None:
            self.risks.append(prediction.churn_risk)
            self.labels.append(prediction.churned)
            self.instants.append(prediction.at)
        if prediction.next is not None:
            self._stages.update(prediction.next_stage, prediction.next)
        if prediction.spent is not None:
            self._values.update(prediction.value, prediction.spent)

    def churn(self) -> BinaryFigures:
        """Give the exact figures of all answered churn risks."""
        return binary_figures(self.risks, self.labels)

    def figures(self) -> dict[str, Any]:
        """Give the table `models` of `metrics.json`."""
        return {
            "churn": self.churn(),
            "next_stage": self._stages.overall(),
            "value": self._values.overall(),
        }

    def loss_by_month(self) -> list[tuple[int, float, float, int]]:
        """Give the loss over time.

        Returns:
            For each 30 days from the first prediction: their begin (µs), log-loss, log-loss of always saying
            the base rate so far, predictions.
        """
        months: dict[int, list[tuple[float, int]]] = {}
        start = min(self.instants, default=0)
        for risk, label, at in zip(self.risks, self.labels, self.instants, strict=True):
            months.setdefault((at - start) // (30 * DAY), []).append((risk, label))
        result = []
        ones = seen = 0
        for month, pairs in sorted(months.items()):
            base = (ones + 1) / (seen + 2)
            loss = sum(log_loss(risk, label) for risk, label in pairs) / len(pairs)
            naive = sum(log_loss(base, label) for _, label in pairs) / len(pairs)
            result.append((start + month * 30 * DAY, loss, naive, len(pairs)))
            ones += sum(label for _, label in pairs)
            seen += len(pairs)
        return result

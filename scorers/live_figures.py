"""What do answered questions say by stage, and how long did they wait: sums, a few hundred bytes a lifecycle."""

from collections import Counter
from datetime import datetime
from math import log

import msgspec

from scorers.evaluation import CERTAIN, clipped, log_loss
from scorers.example import Example

__all__ = ["LiveFigures", "StageSums"]


class StageSums(msgspec.Struct):
    """Sums over the churn answers about customers in one stage.

    Attributes:
        examples: How many.
        churned: How many of them churned.
        log_loss: Sum of the log-loss of the risks as published.
        squares: Sum of their squared errors.
    """

    examples: int = 0
    churned: int = 0
    log_loss: float = 0.0
    squares: float = 0.0


class LiveFigures(msgspec.Struct):
    """Label counts, waits, figures by stage, and the loss of always saying the base rate.

    Attributes:
        labels: Answers by (model, what became true): ``churned``, ``kept``, ``moved``, ``stayed``, ``spent``,
            ``spent_nothing``.
        waits: Sum of the event time (s) between question and answer.
        answers: How many answers that is over.
        by_stage: Churn by stage name.
        base_loss: Sum of the log-loss of the base rate as it was before each answer.
        stays_loss: The same of saying "stays" as surely as was true before each answer.
    """

    labels: Counter[tuple[str, str]] = msgspec.field(default_factory=Counter)
    waits: float = 0.0
    answers: int = 0
    by_stage: dict[str, StageSums] = msgspec.field(default_factory=dict)
    base_loss: float = 0.0
    stays_loss: float = 0.0

    def update(self, example: Example) -> None:
        """Count an example that was learned."""
        self.waits += _seconds(example.answered_at) - _seconds(example.asked_at)
        self.answers += 1
        if example.churned is not None and example.churn_risk is not None:
            self._churn(example.stage, example.churn_risk, example.churned)
        if example.next is not None:
            self._next_stage(is_staying=example.next == example.stage)
        if example.spent is not None:
            self.labels["value", "spent" if example.spent else "spent_nothing"] += 1

    def base_rate_loss(self) -> float | None:
        """Mean log-loss of always saying the base rate so far: what churn has to beat."""
        seen = self.labels["churn", "churned"] + self.labels["churn", "kept"]
        return self.base_loss / seen if seen else None

    def staying_loss(self) -> float | None:
        """Mean log-loss of always saying "stays": what the next stage has to beat."""
        seen = self.labels["next_stage", "stayed"] + self.labels["next_stage", "moved"]
        return self.stays_loss / seen if seen else None

    def _churn(self, stage: str, risk: float, label: int) -> None:
        ones, zeros = self.labels["churn", "churned"], self.labels["churn", "kept"]
        self.base_loss += log_loss((ones + 1.0) / (ones + zeros + 2.0), label)
        self.labels["churn", "churned" if label else "kept"] += 1
        sums = self.by_stage.setdefault(stage, StageSums())
        sums.examples += 1
        sums.churned += label
        sums.log_loss += log_loss(risk, label)
        sums.squares += (clipped(risk) - label) ** 2

    def _next_stage(self, *, is_staying: bool) -> None:
        stayed, moved = self.labels["next_stage", "stayed"], self.labels["next_stage", "moved"]
        staying = (stayed + 0.8) / (stayed + moved + 1.0)
        self.stays_loss -= log(max(staying if is_staying else 1.0 - staying, CERTAIN))
        self.labels["next_stage", "stayed" if is_staying else "moved"] += 1


def _seconds(instant: str) -> float:
    return datetime.fromisoformat(instant).timestamp()

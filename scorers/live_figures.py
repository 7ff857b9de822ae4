"""What do answered questions say by stage, and how long did they wait: sums, a few kilobytes a lifecycle.

What the models must beat is judged as they are: it knows the answers that had come by the day before the question, and
divides its chances among the same outcomes.
"""

from bisect import bisect_left
from collections import Counter
from datetime import datetime
from math import log

import msgspec

from scorers.evaluation import CERTAIN, clipped, log_loss
from scorers.example import Example

__all__ = ["LiveFigures", "StageSums", "Tally"]

DAYS_KEPT = 400
DAY_S = 86_400.0


class Tally(msgspec.Struct):
    """How often something was true, by the day on which that became known.

    Attributes:
        days: Days since 1970, rising, the newest few hundred.
        ones: By day: how often it was true so far.
        seen: By day: answers so far.

    Examples:
        >>> tally = Tally()
        >>> for day, label in ((10.0, 1), (10.5, 0), (12.0, 1)):
        ...     tally.add(day, label)
        >>> tally.before(10.9), tally.before(11.0), tally.before(99.0)
        ((0, 0), (1, 2), (2, 3))
    """

    days: list[int] = msgspec.field(default_factory=list)
    ones: list[int] = msgspec.field(default_factory=list)
    seen: list[int] = msgspec.field(default_factory=list)

    def add(self, day: float, label: int) -> None:
        """Count an answer that came on a day; one of an earlier day than the newest counts to the newest."""
        if not self.days or int(day) > self.days[-1]:
            self.days.append(int(day))
            self.ones.append(self.ones[-1] if self.ones else 0)
            self.seen.append(self.seen[-1] if self.seen else 0)
            for column in (self.days, self.ones, self.seen):
                del column[:-DAYS_KEPT]
        self.ones[-1] += label
        self.seen[-1] += 1

    def before(self, day: float) -> tuple[int, int]:
        """Give how often it was true, and of how many, as was known when a day began."""
        place = bisect_left(self.days, int(day)) - 1
        return (self.ones[place], self.seen[place]) if place >= 0 else (0, 0)


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
        churned: How many churned, by the day of the answer.
        stayed: How many stayed, by the day of the answer.
        base_loss: Sum of the log-loss of the base rate as it was known when each question was asked.
        stays_loss: The same of saying "stays" as surely as was true, and anything else alike.
        stays_judged: How many answers that is over.
    """

    labels: Counter[tuple[str, str]] = msgspec.field(default_factory=Counter)
    waits: float = 0.0
    answers: int = 0
    by_stage: dict[str, StageSums] = msgspec.field(default_factory=dict)
    churned: Tally = msgspec.field(default_factory=Tally)
    stayed: Tally = msgspec.field(default_factory=Tally)
    base_loss: float = 0.0
    stays_loss: float = 0.0
    stays_judged: int = 0

    def update(self, example: Example) -> None:
        """Count an example that was learned."""
        asked, answered = _seconds(example.asked_at), _seconds(example.answered_at)
        self.waits += answered - asked
        self.answers += 1
        if example.churned is not None and example.churn_risk is not None:
            self._churn(example.stage, example.churn_risk, example.churned, asked / DAY_S)
            self.churned.add(answered / DAY_S, example.churned)
        if example.next is not None:
            is_staying = example.next == example.stage
            if example.next_stage:  # what was predicted is judged, and beside it the baseline
                self._next_stage(len(example.next_stage), asked / DAY_S, is_staying=is_staying)
            self.labels["next_stage", "stayed" if is_staying else "moved"] += 1
            self.stayed.add(answered / DAY_S, is_staying)
        if example.spent is not None:
            self.labels["value", "spent" if example.spent else "spent_nothing"] += 1

    def base_rate_loss(self) -> float | None:
        """Mean log-loss of always saying the base rate so far: what churn has to beat."""
        seen = self.labels["churn", "churned"] + self.labels["churn", "kept"]
        return self.base_loss / seen if seen else None

    def staying_loss(self) -> float | None:
        """Mean log-loss of always saying "stays": what the next stage has to beat."""
        return self.stays_loss / self.stays_judged if self.stays_judged else None

    def _churn(self, stage: str, risk: float, label: int, asked: float) -> None:
        ones, seen = self.churned.before(asked)
        self.base_loss += log_loss((ones + 1.0) / (seen + 2.0), label)
        self.labels["churn", "churned" if label else "kept"] += 1
        sums = self.by_stage.setdefault(stage, StageSums())
        sums.examples += 1
        sums.churned += label
        sums.log_loss += log_loss(risk, label)
        sums.squares += (clipped(risk) - label) ** 2

    def _next_stage(self, stages: int, asked: float, *, is_staying: bool) -> None:
        stayed, seen = self.stayed.before(asked)
        staying = (stayed + 0.8) / (seen + 1.0)
        chance = staying if is_staying else (1.0 - staying) / max(stages - 1, 1)
        self.stays_loss -= log(max(chance, CERTAIN))
        self.stays_judged += 1


def _seconds(instant: str) -> float:
    return datetime.fromisoformat(instant).timestamp()

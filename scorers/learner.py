"""How does one lifecycle learn from its answers, in order and reproducibly?"""

from collections.abc import Sequence
from datetime import datetime
from math import inf, isfinite
from typing import Any, Literal

import msgspec

from scorers.churn import ChurnModel, told
from scorers.closed_form import NOTHING_KNOWN, Habit, Silence, silence
from scorers.deadline import Deadline, chance_of_silence
from scorers.example import Example, schema_of
from scorers.linear import Scaler, Vector
from scorers.next_stage import NextStageModel, Place, place_of
from scorers.population import Period, Population
from scorers.quality import BinaryQuality, Figures, StageQuality, ValueQuality
from scorers.transforms import FEATURES, FITTED, INPUTS, Rhythm, inputs, rhythm
from scorers.value import ValueModel, day_amount, expected_spend, judged

Basis = Literal["orders", "events", "cancellations"]
Outcome = Literal["learned", "observed", "schema", "stage", "label"]
SECONDS_A_DAY = 86_400.0


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """What the models of one lifecycle predict.

    Attributes:
        lifecycle: Its name.
        stages: Stage names in file order.
        fingerprint: Changes with the meaning of the lifecycle file.
        churn: What a churned customer no longer does (``orders``, ``events``) or does (``cancellations``).
        churn_days: Label horizon of churn.
        next_stage_days: Label horizon of the next stage.
        value_days: Label horizon of the value.
    """

    lifecycle: str
    stages: tuple[str, ...]
    fingerprint: str = ""
    churn: Basis = "orders"
    churn_days: float = 90.0
    next_stage_days: float = 30.0
    value_days: float = 90.0

    @property
    def schema(self) -> str:
        """Hash of what a model's numbers mean: inputs, stages and labels, not thresholds.

        Examples:
            >>> a = Task(lifecycle="retail", stages=("new", "loyal"), fingerprint="1")
            >>> b = Task(lifecycle="retail", stages=("new", "loyal"), fingerprint="2")
            >>> a.schema == b.schema
            True
        """
        horizons = [f"{days:g}" for days in (self.churn_days, self.next_stage_days, self.value_days)]
        return schema_of([*INPUTS, *self.stages, self.churn, *horizons])


class Learner:
    """The models of one lifecycle, learning test-then-learn.

    The same examples in the same order give bit-equal weights, in one go or with any number of snapshots
    between. Not safe for use from two threads.

    Args:
        task: What is predicted.

    Attributes:
        labels: Examples learned so far.
        observed: Questions seen without answers.
        population: How customers order, and what the average one is like, by period.
        churn: The churn models.
        next_stage: The next-stage models.
        value: The value models.
    """

    def __init__(self, task: Task) -> None:
        self.task = task
        self.labels = 0
        self.observed = 0
        self.scaler = Scaler(len(INPUTS))
        self.population = Population(task.churn_days)
        self.churn = ChurnModel()
        self.next_stage = NextStageModel(len(task.stages))
        self.value = ValueModel()
        self._churn_quality = BinaryQuality()
        self._stage_quality = StageQuality()
        self._value_quality = ValueQuality()

    def learn(self, example: Example) -> Outcome:
        """Judge the stored prediction by the answer, then learn it.

        Args:
            example: An answered question of this lifecycle, or one as it was asked, without any answer: that teaches
                how the population orders, which needs no answers. About 100 µs.

        Returns:
            ``learned``, ``observed`` for a question without answers, or why not: another feature ``schema``, an unknown
            ``stage``, an impossible ``label``. What is not learned changes nothing.
        """
        refusal = self._refusal(example)
        if refusal is not None:
            return refusal
        features = example.vector()
        if example.is_open:
            self.observe(features, example.asked_at, example.id)
            return "observed"
        self._judge(example)
        if (
            not self.observed
        ):  # nobody tells of questions as they are asked: late histories are better than none
            self._observe(features, example.asked_at, example.id)
        period = self.population.at(_day(example.asked_at))
        view = self.view(features, period)
        # Strangers do not stretch the scale of customers.
        is_whole = example.is_whole and view.known is not None
        if example.churned is not None or is_whole:  # not again for a label that is told apart
            self.scaler.learn(view.x)
        z = self.scaler.clip(view.x)
        if example.churned is not None and view.known is not None:
            block = period.since // self.population.habits.every
            self.churn.learn(z, view.said, view.usual_said, example.churned, example.churn_risk, block)
        if example.next is not None:
            place = self.place(features, view, period.habit, self._deadline(example), example.churn_risk)
            self.next_stage.learn(z, self._stage(example.stage), self._stage(example.next), place)
        if example.spent is not None:
            self.value.observe(day_amount(features, 0.0))
            self.value.learn(z, view.spend, example.spent)
        self.labels += 1
        return "learned"

    @property
    def version(self) -> int:
        """Version of the predictor made from it: grows with each label, and with each fit that needs none."""
        return self.labels + self.population.habits.fits

    def view(self, features: Sequence[float], period: Period | None = None) -> "View":
        """Prepare what all models read of one customer.

        Args:
            features: Values of `scorers.transforms.FEATURES`.
            period: The days of the question, by default the newest.
        """
        task, (_, habit, centre) = self.task, period or self.population.now
        known = rhythm(features, task.churn)
        usual = NOTHING_KNOWN if known is None else silence(*known, task.churn_days)
        said = told(known, usual, habit, task.churn, task.churn_days, self.churn.base)
        bought, own = (known, habit) if task.churn == "orders" else (rhythm(features, "orders"), None)
        expects = judged(bought, own, task.churn_days)
        spend = expected_spend(
            features, self.value.usual, bought, expects, own, task.churn_days, task.value_days
        )
        x = inputs(features, known, task.churn_days, said, usual)
        x -= centre
        return View(x, known, usual, said, float(centre[FITTED]), spend)

    def place(
        self,
        features: Sequence[float],
        view: "View",
        habit: Habit | None,
        deadline: Deadline | None,
        risk: float | None,
    ) -> Place:
        """Say where the tables of the next stage find a customer.

        Args:
            features: Values of `scorers.transforms.FEATURES`.
            view: What all models read of them.
            habit: Fitted parameters of those days.
            deadline: The move that silence brings within the horizon of the next stage, if any.
            risk: The churn risk as published.
        """
        task = self.task

        def lasting(due: Deadline) -> float:
            fitted = judged(view.known, habit, task.churn_days)
            return chance_of_silence(due, features, task.churn, task.churn_days, habit, fitted, risk)

        return place_of(features, view.usual.silent, deadline, lasting)

    def observe(self, features: Sequence[float], asked_at: str, name: str) -> None:
        """Learn from a question as it is asked, long before its answer, how the population orders.

        Args:
            features: Values of `scorers.transforms.FEATURES`.
            asked_at: Event time of the question, RFC 3339.
            name: Of the question, unique.
        """
        self.observed += 1
        self._observe(features, asked_at, name)

    def _observe(self, features: Sequence[float], asked_at: str, name: str) -> None:
        task, habit = self.task, self.population.now.habit
        known = rhythm(features, task.churn)
        if known is None:
            return
        usual = silence(*known, task.churn_days)
        said = told(known, usual, habit, task.churn, task.churn_days, self.churn.base)
        self.population.observe(
            known, inputs(features, known, task.churn_days, said, usual), _day(asked_at), name
        )

    def figures(self) -> Figures:
        """Give the prequential quality over the whole life, as in ``metrics.json``."""
        return Figures(
            churn=self._churn_quality.overall(),
            next_stage=self._stage_quality.overall(),
            value=self._value_quality.overall(),
        )

    def recent_churn(self) -> dict[str, Any]:
        """Give the exact churn figures of the last answers."""
        return dict(self._churn_quality.recent())

    def recent_lift(self) -> list[float] | None:
        """Give the lift of churn by tenth of the last answers, highest risk first."""
        return self._churn_quality.recent_lift()

    def _stage(self, name: str) -> int:
        return self.task.stages.index(name)

    def _deadline(self, example: Example) -> Deadline | None:
        days = example.deadline
        if days is None:
            return None
        return Deadline(days, self._stage(example.deadline_stage), example.deadline_by_orders)

    def _refusal(self, example: Example) -> Outcome | None:
        if example.schema != FEATURE_SCHEMA or len(example.features) != len(FEATURES):
            return "schema"
        stages = self.task.stages
        if example.stage not in stages or (example.next is not None and example.next not in stages):
            return "stage"
        if example.deadline is not None and not (
            0.0 < example.deadline < inf and example.deadline_stage in stages
        ):
            return "stage"
        if example.churned not in (None, 0, 1):
            return "label"
        if example.spent is not None and not (isfinite(example.spent) and example.spent >= 0.0):
            return "label"
        return None

    def _judge(self, example: Example) -> None:
        if example.churned is not None and example.churn_risk is not None:
            self._churn_quality.update(example.churn_risk, example.churned)
        if example.next is not None:
            self._stage_quality.update(example.next_stage, example.next)
        if example.spent is not None and example.value is not None:
            self._value_quality.update(example.value, example.spent)


class View(msgspec.Struct, frozen=True):
    """What all models read of one customer.

    Attributes:
        x: Values of `scorers.transforms.INPUTS`, as distances from the average customer of these days.
        known: The watched activity, `None` for somebody never active.
        usual: What the closed form says of it under fixed parameters.
        said: Log odds of churn that need no regression.
        usual_said: The same of the average customer.
        spend: Expected spend before anything is learned from answers.
    """

    x: Vector
    known: Rhythm | None
    usual: Silence
    said: float
    usual_said: float
    spend: float


def _day(instant: str) -> float:
    return datetime.fromisoformat(instant).timestamp() / SECONDS_A_DAY


FEATURE_SCHEMA = schema_of(FEATURES)
"""The schema that examples carry."""

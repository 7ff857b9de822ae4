"""How does one lifecycle learn from its answers, in order and reproducibly?"""

from math import isfinite
from typing import Any, Literal, cast

import msgspec
from river import preprocessing

from scorers.churn import ChurnModel, prior_risk
from scorers.example import Example, schema_of
from scorers.next_stage import NextStageModel
from scorers.quality import BinaryQuality, Figures, StageQuality, ValueQuality
from scorers.transforms import FEATURES, INPUTS, Clip, activity, inputs
from scorers.value import ValueModel, value_prior

Basis = Literal["orders", "events", "cancellations"]
Outcome = Literal["learned", "schema", "stage", "label"]


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
        labels: Examples learned so far; the version of the predictor made from it.
        churn: The churn models.
        next_stage: The next-stage models.
        value: The value models.
    """

    def __init__(self, task: Task) -> None:
        self.task = task
        self.labels = 0
        self.scaler = preprocessing.StandardScaler()
        self.clip = Clip()
        self.churn = ChurnModel()
        self.next_stage = NextStageModel(len(task.stages))
        self.value = ValueModel()
        self._churn_quality = BinaryQuality()
        self._stage_quality = StageQuality()
        self._value_quality = ValueQuality()

    def learn(self, example: Example) -> Outcome:
        """Judge the stored prediction by the answer, then learn it.

        Args:
            example: An answered question of this lifecycle; about 200 µs.

        Returns:
            ``learned``, or why not: another feature ``schema``, an unknown ``stage``, an impossible
            ``label``. What is not learned changes nothing.
        """
        refusal = self._refusal(example)
        if refusal is not None:
            return refusal
        self._judge(example)
        features = example.vector()
        task = self.task
        known = activity(features, task.churn, task.churn_days)
        x = dict(zip(INPUTS, inputs(features, known), strict=True))
        self.scaler.learn_one(x)
        scaled = self.scale(x)
        prior = prior_risk(known, task.churn)
        if example.churned is not None and prior is not None:
            self.churn.learn(scaled, prior, example.churned, example.churn_risk)
        if example.next is not None:
            self.next_stage.learn(scaled, self._stage(example.stage), self._stage(example.next))
        if example.spent is not None:
            expected = value_prior(features, known, task.churn, task.churn_days, task.value_days)
            self.value.learn(scaled, expected, example.spent)
        self.labels += 1
        return "learned"

    def scale(self, x: dict[str, float]) -> dict[str, float]:
        """Standardise and clip inputs as the models see them."""
        scaled: Any = self.clip.transform_one(self.scaler.transform_one(x))
        return cast("dict[str, float]", scaled)

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

    def _refusal(self, example: Example) -> Outcome | None:
        if example.schema != FEATURE_SCHEMA or len(example.features) != len(FEATURES):
            return "schema"
        stages = self.task.stages
        if example.stage not in stages or (example.next is not None and example.next not in stages):
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


FEATURE_SCHEMA = schema_of(FEATURES)
"""The schema that examples carry."""

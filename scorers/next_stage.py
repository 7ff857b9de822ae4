"""To which stage does a customer move next, if to any, within the horizon?

Classes are the indices of the stages of the lifecycle, in file order, and one more for *stay*.
"""

from collections import defaultdict
from itertools import islice
from math import log

from river import linear_model, optim

from scorers.evaluation import CERTAIN
from scorers.mixture import GRID, Mixture, blend

LEARNING_RATE = 0.05
STAGE_INPUTS = 17
"""The softmax reads the first inputs only: ages and counts; finer ones tell of buying, not of stages."""
STAY_PRIOR = 8.0  # pseudo-counts: before any label eight of ten stay
MOVE_PRIOR = 2.0  # shared by all other stages


class StageFrequencies:
    """Counts of what followed each stage: the prior of the next stage, and hard to beat.

    Args:
        stages: Number of stages.
    """

    def __init__(self, stages: int) -> None:
        self.stages = stages
        others = max(stages - 1, 1)
        self.counts = [
            [
                0.0 if to == stage else STAY_PRIOR if to == stages else MOVE_PRIOR / others
                for to in range(stages + 1)
            ]
            for stage in range(stages)
        ]

    def distribution(self, stage: int) -> list[float]:
        """Give the distribution over all classes for a customer in *stage*.

        Examples:
            >>> StageFrequencies(3).distribution(0)
            [0.0, 0.1, 0.1, 0.8]
        """
        row = self.counts[stage]
        total = sum(row)
        return [count / total for count in row]

    def learn(self, stage: int, to: int) -> None:
        """Count one answer; *to* is a class."""
        self.counts[stage][to] += 1.0


class NextStageModel:
    """A River softmax regression beside the frequencies, mixed by how well each has answered.

    The current stage enters as a one-hot input beside the standardised features, so every class has its own
    intercept per stage.

    Args:
        stages: Number of stages.
    """

    def __init__(self, stages: int) -> None:
        self.stages = stages
        self.frequencies = StageFrequencies(stages)
        self.softmax = linear_model.SoftmaxRegression(optimizer=optim.AdaGrad(LEARNING_RATE))
        for to in range(stages + 1):  # every class from the start, so that sums always have the same order
            self.softmax.weights[to] = defaultdict(float)
        self.mixture = Mixture()

    def distribution(self, scaled: dict[str, float], stage: int) -> list[float]:
        """Predict the probability of each stage; the current stage's means stay."""
        prior = self.frequencies.distribution(stage)
        learned = self._learned(with_stage(scaled, stage))
        weight = self.mixture.weight
        return folded([blend(a, b, weight) for a, b in zip(prior, learned, strict=True)], stage)

    def learn(self, scaled: dict[str, float], stage: int, following: int) -> None:
        """Judge both models by the label, then learn it.

        Args:
            scaled: Standardised, clipped inputs of the instant of the question.
            stage: Index of the stage then.
            following: Index of the first stage moved to within the horizon; *stage* itself for none.
        """
        to = self.stages if following == stage else following
        x = with_stage(scaled, stage)
        prior = self.frequencies.distribution(stage)[to]
        learned = folded(self._learned(x), stage)[following]
        self.mixture.update([-log(max(blend(prior, learned, weight), CERTAIN)) for weight in GRID])
        self.softmax.learn_one(x, to)
        self.frequencies.learn(stage, to)

    def _learned(self, x: dict[str, float]) -> list[float]:
        distribution = self.softmax.predict_proba_one(x)
        return [float(distribution[to]) for to in range(self.stages + 1)]


def with_stage(scaled: dict[str, float], stage: int) -> dict[str, float]:
    """Take the inputs that the softmax reads and add the one-hot input of the current stage."""
    return dict(islice(scaled.items(), STAGE_INPUTS)) | {stage_input(stage): 1.0}


def stage_input(stage: int) -> str:
    """Name the one-hot input of a stage.

    Examples:
        >>> stage_input(2)
        'in_stage_2'
    """
    return f"in_stage_{stage}"


def folded(classes: list[float], stage: int) -> list[float]:
    """Give one probability per stage: nobody moves to where they are, so that class counts as staying.

    Examples:
        >>> folded([0.25, 0.25, 0.5], 0)
        [0.75, 0.25]
    """
    distribution = classes[:-1]
    distribution[stage] += classes[-1]
    return distribution

"""To which stage does a customer move next, if to any, within the horizon?

Several opinions are mixed: what followed this stage so far; the same by time spent in it (an empirical Markov chain, and
hard to beat), by the silence since the last order and by how surely the closed form expects another one; and a softmax
regression over all inputs. Each is an expert that can be right alone, so the mixture is never much worse than the chain.
"""

from collections.abc import Sequence
from math import exp, log
from typing import Any, Final

import numpy as np

from scorers.linear import AdaGrad, SoftmaxRegression, Vector, softmax
from scorers.transforms import DAYS_IN_STAGE, INPUTS, LAST_EVENT, LAST_ORDER, LONG_AGO_DAYS

LEARNING_RATE = 0.05
TRUST_RATE = 0.02
STAY_PRIOR = 0.8  # pseudo-counts: before any label eight of ten stay, and a few labels outweigh that
MOVE_PRIOR = 0.2  # shared by all other stages
ONWARD: Final = (
    0.4  # of those who move before any label: to the following stage, beside what all others get alike
)
BACKED = 4.0  # pseudo-counts of a finer table, distributed as the coarse one says
FIRST_TRUST: Final = (0.1, 0.3, 0.3, 0.3, 0.0)  # the regression earns its own
SURE = 12.0  # no log probability is lower than minus this
BINS: Final = 16
TABLES: Final = ("stage", "stage_by_days_in_stage", "stage_by_days_since_last_order", "stage_by_closed_form")
EXPERTS: Final = len(TABLES) + 1
_FINER: Final = np.arange(1, len(TABLES))
_LEAST: Final = np.array([[exp(-SURE)]] * len(TABLES) + [[1e-300]])
_SCALE: Final = (BINS - 1) / log(LONG_AGO_DAYS)


def day_bin(days: float) -> int:
    """Sort days into one of 16 bins of about equal width in their logarithm.

    Examples:
        >>> day_bin(0.0), day_bin(6.9), day_bin(30.0), day_bin(float("inf"))
        (0, 3, 6, 15)
    """
    if not days < LONG_AGO_DAYS - 1.0:
        return BINS - 1
    return int(log(1.0 + days) * _SCALE) if days > 0.0 else 0


def odds_bin(log_odds: float) -> int:
    """Sort log odds into one of 16 bins, half a unit wide around even odds.

    Examples:
        >>> odds_bin(-9.0), odds_bin(0.0), odds_bin(9.0)
        (0, 8, 15)
    """
    return min(max(int(2.0 * log_odds + 8.0), 0), BINS - 1)


def places(features: Sequence[float], silent: float) -> tuple[int, int, int, int]:
    """Say in which bin of each table a customer is.

    Args:
        features: Values of `scorers.transforms.FEATURES`.
        silent: The closed form's log odds of silence.
    """
    since = features[LAST_ORDER]
    if not since < LONG_AGO_DAYS:  # never ordered: what there is of silence
        since = features[LAST_EVENT]
    return 0, day_bin(features[DAYS_IN_STAGE]), day_bin(since), odds_bin(silent)


class NextStageModel:
    """Tables of what followed and a softmax regression, mixed in logits by weights that are learned per stage.

    The class of a customer's own stage means staying.

    Args:
        stages: Number of stages.

    Attributes:
        counts: By table, stage and bin: what followed.
        regression: Classes are the stages and one more for staying, so that staying is learned across stages.
        trust: By stage: a weight for each table and for the regression.
    """

    def __init__(self, stages: int) -> None:
        self.stages = stages
        self.counts: Any = np.zeros((len(TABLES), stages, BINS, stages))
        for stage in range(stages):
            self.counts[0, stage, 0] = _assumed(stage, stages)
        self.regression = SoftmaxRegression(stages, stages + 1, len(INPUTS), LEARNING_RATE)
        self.trust = [AdaGrad(EXPERTS, TRUST_RATE) for _ in range(stages)]
        for trust in self.trust:
            trust.weights += np.array(FIRST_TRUST)
        self.examples = 0

    def distribution(self, z: Vector, stage: int, bins: Sequence[int]) -> list[float]:
        """Predict the probability of each stage; the current stage's means stay."""
        learned = softmax(self.regression.logits(z, stage))
        return [float(p) for p in self._mixed(self._opinions(learned, stage, bins), stage)]

    def learn(self, z: Vector, stage: int, following: int, bins: Sequence[int]) -> None:
        """Judge all opinions by the label, then learn it.

        Args:
            z: Standardised inputs of the instant of the question.
            stage: Index of the stage then.
            following: Index of the first stage moved to within the horizon; *stage* itself for none.
            bins: What `places` says of that instant.
        """
        learned = softmax(self.regression.logits(z, stage))
        opinions = self._opinions(learned, stage, bins)
        off = self._mixed(opinions, stage)
        off[following] -= 1.0
        self.trust[stage].step(opinions @ off)
        self.regression.learn(z, stage, self.stages if following == stage else following, learned)
        for table, place in enumerate(bins):
            self.counts[table, stage, place, following] += 1.0
        self.examples += 1

    def table(self, index: int, stage: int) -> Any:
        """Give a table's distributions for a stage, bin by bin, finer ones backed by the coarse one."""
        counts = self.counts[index, stage]
        usual = self.counts[0, stage, 0]
        if index:
            counts = counts + usual * (BACKED / usual.sum())
        return counts / np.maximum(counts.sum(axis=-1, keepdims=True), 1e-300)

    def _opinions(self, learned: Vector, stage: int, bins: Sequence[int]) -> Any:
        chances = np.empty((EXPERTS, self.stages))
        counts = self.counts[:, stage]
        usual = counts[0, 0]
        chances[:-1] = usual * (BACKED / usual.sum())
        chances[1:-1] += counts[_FINER, bins[1:]]
        chances[-1] = learned[:-1]
        chances[-1, stage] += learned[-1]
        chances /= (chances @ np.ones(self.stages))[:, np.newaxis]
        np.maximum(chances, _LEAST, out=chances)
        told: Any = np.log(chances, out=chances)
        return told

    def _mixed(self, opinions: Any, stage: int) -> Vector:
        return softmax(self.trust[stage].weights @ opinions)


def _assumed(stage: int, stages: int) -> Vector:
    """What is believed of a stage before any label: most stay, and many of the others go on to the following stage."""
    onward = ONWARD if stage + 1 < stages else 0.0
    assumed = np.full(stages, MOVE_PRIOR * (1.0 - onward) / max(stages - 1, 1))
    assumed[stage] = STAY_PRIOR
    if onward:
        assumed[stage + 1] += MOVE_PRIOR * onward
    return assumed

"""To which stage does a customer move next, if to any, within the horizon?

Several opinions are mixed: what followed this stage so far; the same by time spent in it (an empirical Markov chain, and
hard to beat), by the silence since the last order and by how surely the closed form expects another one; and a softmax
regression over all inputs. Each is an expert that can be right alone, so the mixture is never much worse than the chain.

Who would be moved within the horizon by mere silence is another case (`scorers.deadline`): what is believed of them follows
from the deadline and the chance of silence, before the first of them has reached it, and what followed such deadlines so
far corrects it. What all others teach says nothing about them.
"""

from collections.abc import Callable, Sequence
from math import exp, log
from typing import Any, Final, NamedTuple

import numpy as np

from scorers.deadline import Deadline
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
FIRST_TRUST: Final = (0.1, 0.3, 0.3, 0.3, 0.0, 0.0)  # the regression earns its own
FIRST_TRUST_DUE: Final = (0.1, 0.2, 0.2, 0.2, 0.0, 0.3)
SURE = 12.0  # no log probability is lower than minus this
BINS: Final = 16
TABLES: Final = ("stage", "stage_by_days_in_stage", "stage_by_days_since_last_order", "stage_by_closed_form")
"""Of those with a deadline: by days to it, by the chance of silence, and by the closed form."""
EXPERTS: Final = len(TABLES) + 2
REGRESSION: Final = len(TABLES)
RULES: Final = len(TABLES) + 1
_FINER: Final = np.arange(1, len(TABLES))
_LEAST: Final = np.array([[exp(-SURE)]] * len(TABLES) + [[1e-300], [exp(-SURE)]])
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


class Place(NamedTuple):
    """Where the tables find a customer.

    Attributes:
        bins: The bin of each table.
        target: Index of the stage that silence leads to within the horizon, -1 for none.
        chance: Of that silence.
    """

    bins: tuple[int, int, int, int]
    target: int = -1
    chance: float = 0.0

    def group(self, stage: int, stages: int) -> int:
        """The group that a customer in *stage* is in: the *stages*, and behind them those with a deadline."""
        return stage if self.target < 0 else stage + stages


def place_of(
    features: Sequence[float],
    silent: float,
    deadline: Deadline | None,
    lasting: Callable[[Deadline], float],
) -> Place:
    """Say where the tables find a customer.

    Args:
        features: Values of `scorers.transforms.FEATURES`.
        silent: The closed form's log odds of silence.
        deadline: The move that silence brings within the horizon, if any.
        lasting: Gives the chance that the silence lasts until then; asked only for a deadline.
    """
    if deadline is not None:
        chance = lasting(deadline)
        odds = log(chance / (1.0 - chance)) if 0.0 < chance < 1.0 else 100.0 * (chance - 0.5)
        return Place((0, day_bin(deadline.days), odds_bin(odds), odds_bin(silent)), deadline.stage, chance)
    since = features[LAST_ORDER]
    if not since < LONG_AGO_DAYS:  # never ordered: what there is of silence
        since = features[LAST_EVENT]
    return Place((0, day_bin(features[DAYS_IN_STAGE]), day_bin(since), odds_bin(silent)))


class NextStageModel:
    """Tables of what followed and a softmax regression, mixed in logits by weights that are learned per stage.

    The class of a customer's own stage means staying. Whoever has a deadline is in a group of its own, like another stage.

    Args:
        stages: Number of stages.

    Attributes:
        counts: By table, group and bin: what followed. Groups are the stages, then the stages with a deadline.
        regression: Classes are the stages and one more for staying, so that staying is learned across stages.
        trust: By group: a weight for each table, for the regression, and for what the rules say of a deadline.
    """

    def __init__(self, stages: int) -> None:
        self.stages = stages
        self.counts: Any = np.zeros((len(TABLES), 2 * stages, BINS, stages))
        for stage in range(stages):
            self.counts[0, stage, 0] = _assumed(stage, stages)
        self.regression = SoftmaxRegression(2 * stages, stages + 1, len(INPUTS), LEARNING_RATE)
        self.trust = [AdaGrad(EXPERTS, TRUST_RATE) for _ in range(2 * stages)]
        for group, trust in enumerate(self.trust):
            trust.weights += np.array(FIRST_TRUST if group < stages else FIRST_TRUST_DUE)
        self.examples = 0

    def distribution(self, z: Vector, stage: int, place: Place) -> list[float]:
        """Predict the probability of each stage; the current stage's means stay."""
        group = place.group(stage, self.stages)
        learned = softmax(self.regression.logits(z, group))
        return [float(p) for p in self._mixed(self._opinions(learned, stage, place), group)]

    def learn(self, z: Vector, stage: int, following: int, place: Place) -> None:
        """Judge all opinions by the label, then learn it.

        Args:
            z: Standardised inputs of the instant of the question.
            stage: Index of the stage then.
            following: Index of the first stage moved to within the horizon; *stage* itself for none.
            place: What `place_of` says of that instant.
        """
        group = place.group(stage, self.stages)
        learned = softmax(self.regression.logits(z, group))
        opinions = self._opinions(learned, stage, place)
        off = self._mixed(opinions, group)
        off[following] -= 1.0
        self.trust[group].step(opinions @ off)
        self.regression.learn(z, group, self.stages if following == stage else following, learned)
        for table, found in enumerate(place.bins):
            self.counts[table, group, found, following] += 1.0
        self.examples += 1

    def table(self, index: int, stage: int) -> Any:
        """Give a table's distributions for a stage without a deadline, bin by bin, finer ones backed by the coarse one."""
        counts = self.counts[index, stage]
        usual = self.counts[0, stage, 0]
        if index:
            counts = counts + usual * (BACKED / usual.sum())
        return counts / np.maximum(counts.sum(axis=-1, keepdims=True), 1e-300)

    def _opinions(self, learned: Vector, stage: int, place: Place) -> Any:
        chances = np.empty((EXPERTS, self.stages))
        usual = self.counts[0, stage, 0]
        if place.target < 0:
            chances[:REGRESSION] = usual * (BACKED / usual.sum())
            counts = self.counts[:, stage]
            chances[0] = usual
            chances[RULES] = 1.0  # no opinion
        else:
            ruled = by_rules(usual / usual.sum(), place)
            chances[:REGRESSION] = ruled * BACKED
            counts = self.counts[:, stage + self.stages]
            chances[0] += counts[0, 0]
            chances[RULES] = ruled
        chances[1:REGRESSION] += counts[_FINER, place.bins[1:]]
        chances[REGRESSION] = learned[:-1]
        chances[REGRESSION, stage] += learned[-1]
        if place.target < 0:
            chances[:RULES] /= (chances[:RULES] @ np.ones(self.stages))[:, np.newaxis]
        else:
            chances /= (chances @ np.ones(self.stages))[:, np.newaxis]
        np.maximum(chances, _LEAST, out=chances)
        told: Any = np.log(chances, out=chances)
        return told

    def _mixed(self, opinions: Any, group: int) -> Vector:
        return softmax(self.trust[group].weights @ opinions)


def by_rules(usual: Any, place: Place) -> Any:
    """Where a deadline leads: to its target if silence lasts, else to what usually follows."""
    ruled = (1.0 - place.chance) * usual
    ruled[place.target] += place.chance
    return ruled


def _assumed(stage: int, stages: int) -> Vector:
    """What is believed of a stage before any label: most stay, and many of the others go on to the following stage."""
    onward = ONWARD if stage + 1 < stages else 0.0
    assumed = np.full(stages, MOVE_PRIOR * (1.0 - onward) / max(stages - 1, 1))
    assumed[stage] = STAY_PRIOR
    if onward:
        assumed[stage + 1] += MOVE_PRIOR * onward
    return assumed

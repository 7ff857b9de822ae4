"""Which of two models deserves trust, judged by the answers so far?"""

from collections.abc import Sequence
from math import exp, log
from typing import Any, Final

GRID: Final = (0.0, 0.25, 0.5, 0.75, 1.0)
BELIEF: Final = (0.1, 0.2, 0.4, 0.2, 0.1)
"""Trust before any answer: the middle is rarely far from the best, and never the worst."""
MEMORY = 20_000.0  # examples over which losses are averaged
WARM_UP = 300.0  # examples until the learned model may take over fully


class Mixture:
    """Weight between a model that needs no labels and a learned one.

    Mixtures on a small grid are weighted by their belief and by their tempered loss: exp(-temper x mean loss). Examples
    of one customer, and of one week, are far from independent, so a mean over twenty thousand of them counts as *temper*
    independent ones only. While few answers are known the learned model is held back, so that a handful of examples cannot
    ruin a calibrated cold start.

    Args:
        temper: Independent examples that the mean loss counts as.
        belief: Trust in each weight of `GRID` before any answer.

    Attributes:
        losses: Mean loss of each mixture on the grid, old ones fading.
        examples: How many answers were judged.
    """

    def __init__(self, temper: float = 50.0, belief: Sequence[float] = BELIEF) -> None:
        self.temper = temper
        self._belief = [log(each) for each in belief]
        self.losses = [0.0] * len(GRID)
        self.examples = 0
        self._remembered = 0.0
        self._weight: float | None = None

    @property
    def weight(self) -> float:
        """The learned model's share, from 0 (at the start) to 1.

        Examples:
            >>> Mixture().weight
            0.0
        """
        if self._weight is None:
            self._weight = self._weigh()
        return self._weight

    def _weigh(self) -> float:
        seen = self._remembered / (self._remembered + WARM_UP)
        best = min(self.losses)
        trust = [
            exp(belief - self.temper * seen * (loss - best))
            for belief, loss in zip(self._belief, self.losses, strict=True)
        ]
        share = sum(w * t for w, t in zip(GRID, trust, strict=True)) / sum(trust)
        return share * self.examples / (self.examples + WARM_UP)

    def update(self, losses: list[float]) -> None:
        """Judge one answer.

        Args:
            losses: Loss of each mixture in the order of `GRID`, predicted before the answer was learned.
        """
        self.examples += 1
        self._weight = None
        self._remembered = min(self._remembered + 1.0, MEMORY)
        part = 1.0 / self._remembered
        self.losses = [mean + (loss - mean) * part for mean, loss in zip(self.losses, losses, strict=True)]

    def forget(self, share: float) -> None:
        """Let what was judged so far count only a *share* of what it did: after a change old merits say little."""
        self._remembered *= share
        self._weight = None


def blend(prior: Any, learned: Any, weight: float) -> Any:
    """Mix two predictions, or the weights of two linear models; probabilities are mixed by their log odds.

    Examples:
        >>> blend(0.2, 0.6, 0.5)
        0.4
    """
    return prior + (learned - prior) * weight

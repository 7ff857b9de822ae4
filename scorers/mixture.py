"""Which of two models deserves trust, judged by the answers so far?"""

from math import exp

GRID = (0.0, 0.25, 0.5, 0.75, 1.0)
TEMPER = 0.02  # how much of an example's log-loss counts: neighbouring examples are far from independent
WARM_UP = 500.0  # examples until the learned model may take over fully


class Mixture:
    """Weight between a prior model, which needs no labels, and a learned one.

    Exponentially weighted mixtures on a small grid, tempered. While few labels have been seen the learned
    model is held back, so that a handful of examples cannot ruin a calibrated cold start.

    Attributes:
        losses: Sum of the loss of each mixture on the grid.
        examples: How many answers were judged.
    """

    def __init__(self) -> None:
        self.losses = [0.0] * len(GRID)
        self.examples = 0

    @property
    def weight(self) -> float:
        """The learned model's share, from 0 (at the start) to 1.

        Examples:
            >>> Mixture().weight
            0.0
        """
        best = min(self.losses)
        trust = [exp(-TEMPER * (loss - best)) for loss in self.losses]
        share = sum(w * t for w, t in zip(GRID, trust, strict=True)) / sum(trust)
        return share * self.examples / (self.examples + WARM_UP)

    def update(self, losses: list[float]) -> None:
        """Judge one answer.

        Args:
            losses: Loss of each mixture in the order of `GRID`, predicted before the answer was learned.
        """
        self.losses = [total + loss for total, loss in zip(self.losses, losses, strict=True)]
        self.examples += 1


def blend(prior: float, learned: float, weight: float) -> float:
    """Mix two predictions.

    Examples:
        >>> blend(0.2, 0.6, 0.5)
        0.4
    """
    return prior + (learned - prior) * weight

"""How good have the predictions been so far, in bounded memory?"""

from array import array
from math import isfinite
from typing import TypedDict

from scorers.evaluation import CALIBRATION_BINS, BinaryFigures, binary_figures, clipped, log_loss

WINDOW = 4096  # answers that the recent figures look at
BINS = 1000  # resolution of the lifetime AUC


class BinaryQuality:
    """Running quality of a probability in bounded memory.

    Log-loss, Brier score and base rate are exact over the whole life; AUC and calibration over the whole life
    come from a histogram of 1,000 bins (off by less than 0.001 in practice); `recent` is exact over the last
    4,096 answers.
    """

    def __init__(self) -> None:
        self._log_loss = 0.0
        self._squares = 0.0
        self._histogram = (array("q", bytes(8 * BINS)), array("q", bytes(8 * BINS)))
        self._recent = array("d")  # a ring: the label is the sign
        self._next = 0

    def update(self, probability: float, label: int) -> None:
        """Count one answer; a prediction that is not a number is not counted."""
        if not isfinite(probability):
            return
        p = clipped(probability)
        self._log_loss += log_loss(p, label)
        self._squares += (p - label) ** 2
        self._histogram[label][min(int(p * BINS), BINS - 1)] += 1
        signed = p if label else -p
        if len(self._recent) < WINDOW:
            self._recent.append(signed)
        else:
            self._recent[self._next] = signed
            self._next = (self._next + 1) % WINDOW

    def overall(self) -> BinaryFigures:
        """Give the figures over the whole life."""
        negatives, positives = self._histogram
        ones, n = sum(positives), sum(positives) + sum(negatives)
        if not n:
            return binary_figures([], [])
        return BinaryFigures(
            examples=n,
            base_rate=ones / n,
            auc=self._histogram_auc(),
            log_loss=self._log_loss / n,
            brier=self._squares / n,
            ece=self._histogram_calibration(n),
        )

    def recent(self) -> BinaryFigures:
        """Give the exact figures over the last answers."""
        return binary_figures([abs(p) for p in self._recent], [int(p > 0) for p in self._recent])

    def recent_lift(self) -> list[float] | None:
        """Give the lift of each tenth of the last answers, highest risk first; None while it says nothing.

        Examples:
            >>> quality = BinaryQuality()
            >>> for k in range(20):
            ...     quality.update(k / 20, int(k >= 18))
            >>> quality.recent_lift()[:2]
            [10.0, 0.0]
        """
        ordered = sorted(self._recent, key=abs, reverse=True)
        n, ones = len(ordered), sum(signed > 0 for signed in ordered)
        if n < 10 or not ones:
            return None
        tenths = [ordered[k * n // 10 : (k + 1) * n // 10] for k in range(10)]
        return [sum(signed > 0 for signed in tenth) / len(tenth) / (ones / n) for tenth in tenths]

    def _histogram_auc(self) -> float | None:
        negatives, positives = self._histogram
        zeros, ones = sum(negatives), sum(positives)
        if not zeros or not ones:
            return None
        won, below = 0.0, 0
        for zero, one in zip(negatives, positives, strict=True):
            won += one * (below + zero / 2.0)
            below += zero
        return won / (zeros * ones)

    def _histogram_calibration(self, n: int) -> float:
        """Fill 20 bins of about equal count from the histogram, whose bins stand for their middle."""
        off, expected, seen, counted = 0.0, 0.0, 0.0, 0
        for k, (zero, one) in enumerate(zip(*self._histogram, strict=True)):
            expected += (zero + one) * (k + 0.5) / BINS
            seen += one
            counted += zero + one
            if counted >= n / CALIBRATION_BINS:
                off += abs(expected - seen)
                expected, seen, counted = 0.0, 0.0, 0
        return (off + abs(expected - seen)) / n


class StageFigures(TypedDict):
    """Quality of a distribution over stages."""

    examples: int
    accuracy: float | None
    log_loss: float | None


class StageQuality:
    """Running accuracy and log-loss of next-stage distributions.

    Examples:
        >>> quality = StageQuality()
        >>> quality.update({"customer": 0.75, "loyal": 0.25}, "customer")
        >>> quality.overall()["accuracy"]
        1.0
    """

    def __init__(self) -> None:
        self._examples = 0
        self._right = 0
        self._log_loss = 0.0

    def update(self, distribution: dict[str, float], label: str) -> None:
        """Count one answer; an empty distribution was no prediction."""
        if not distribution:
            return
        self._examples += 1
        self._right += max(distribution, key=distribution.__getitem__) == label
        self._log_loss += log_loss(distribution.get(label, 0.0), 1)

    def overall(self) -> StageFigures:
        """Give the figures over the whole life."""
        n = self._examples
        if not n:
            return StageFigures(examples=0, accuracy=None, log_loss=None)
        return StageFigures(examples=n, accuracy=self._right / n, log_loss=self._log_loss / n)


class ValueFigures(TypedDict):
    """Quality of an expected amount."""

    examples: int
    mae: float | None
    bias: float | None


class ValueQuality:
    """Running mean absolute error and bias of expected spend, in the base currency.

    Examples:
        >>> quality = ValueQuality()
        >>> quality.update(10.0, 14.0)
        >>> quality.overall()
        {'examples': 1, 'mae': 4.0, 'bias': -4.0}
    """

    def __init__(self) -> None:
        self._examples = 0
        self._absolute = 0.0
        self._signed = 0.0

    def update(self, expected: float, spent: float) -> None:
        """Count one answer; an expectation that is not a number is not counted."""
        if not isfinite(expected):
            return
        self._examples += 1
        self._absolute += abs(expected - spent)
        self._signed += expected - spent

    def overall(self) -> ValueFigures:
        """Give the figures over the whole life."""
        n = self._examples
        if not n:
            return ValueFigures(examples=0, mae=None, bias=None)
        return ValueFigures(examples=n, mae=self._absolute / n, bias=self._signed / n)


class Figures(TypedDict):
    """All figures of one lifecycle, as in ``metrics.json``."""

    churn: BinaryFigures
    next_stage: StageFigures
    value: ValueFigures

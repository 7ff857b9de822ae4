"""The figures of whole columns of predictions: exact, ties shared fairly, millions of rows in seconds.

`scorers.evaluation` holds the same definitions for short lists and for the live service; a test keeps the two
equal.
"""

from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from scorers.evaluation import CALIBRATION_BINS, CERTAIN, BinaryFigures

__all__ = ["DECILES", "Floats", "auc", "binary", "deciles", "gini", "losses", "mean", "months"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
DECILES = 10


def losses(probabilities: Floats, labels: npt.NDArray[Any]) -> Floats:
    """Log-loss of each row, the probabilities kept from 0 and 1.

    Examples:
        >>> losses(np.array([0.5, 1.0]), np.array([1, 1])).round(4).tolist()
        [0.6931, 0.0001]
    """
    kept = np.clip(probabilities, CERTAIN, 1.0 - CERTAIN)
    result: Floats = -np.log(np.where(labels == 1, kept, 1.0 - kept))
    return result


def auc(probabilities: Floats, labels: npt.NDArray[Any]) -> float | None:
    """Area under the ROC curve, tied predictions counting half; None with one class only.

    Examples:
        >>> auc(np.array([0.1, 0.9, 0.9]), np.array([0, 1, 0]))
        0.75
    """
    ones = int(np.sum(labels == 1))
    zeros = len(labels) - ones
    if not ones or not zeros:
        return None
    _, places, counts = np.unique(probabilities, return_inverse=True, return_counts=True)
    ranks = np.cumsum(counts) - (counts - 1) / 2.0
    total = float(np.sum(ranks[places][labels == 1]))
    return (total - ones * (ones + 1) / 2.0) / (ones * zeros)


def binary(probabilities: Floats, labels: npt.NDArray[Any]) -> BinaryFigures:
    """Judge a column of probabilities.

    Args:
        probabilities: As predicted then.
        labels: 0 or 1, aligned.

    Examples:
        >>> binary(np.array([0.5, 0.5]), np.array([0, 1]))["brier"]
        0.25
    """
    n = len(labels)
    if not n:
        return BinaryFigures(examples=0, base_rate=None, auc=None, log_loss=None, brier=None, ece=None)
    kept = np.clip(probabilities, CERTAIN, 1.0 - CERTAIN)
    return BinaryFigures(
        examples=n,
        base_rate=float(np.mean(labels)),
        auc=auc(kept, labels),
        log_loss=float(np.mean(losses(kept, labels))),
        brier=float(np.mean((kept - labels) ** 2)),
        ece=_calibration_error(kept, labels),
    )


def _calibration_error(probabilities: Floats, labels: npt.NDArray[Any]) -> float:
    order = np.lexsort((labels, probabilities))
    off = probabilities[order] - labels[order]
    n = len(off)
    cuts = [k * n // CALIBRATION_BINS for k in range(CALIBRATION_BINS + 1)]
    sums = [abs(float(np.sum(off[start:stop]))) for start, stop in pairwise(cuts)]
    return sum(sums) / n


def deciles(scores: Floats, outcomes: npt.NDArray[Any]) -> list[float] | None:
    """Lift by decile: the mean outcome of each tenth, highest score first, over the mean of all.

    Returns:
        Ten numbers, or None where the outcome never happens or there are fewer than ten rows.

    Examples:
        >>> deciles(np.arange(20.0), np.array([0] * 18 + [1, 1]))[:2]
        [10.0, 0.0]
    """
    n = len(outcomes)
    overall = float(np.mean(outcomes)) if n else 0.0
    if n < DECILES or not overall:
        return None
    shared = _shared(scores, outcomes)[np.argsort(-scores, kind="stable")]
    cuts = [k * n // DECILES for k in range(DECILES + 1)]
    return [float(np.mean(shared[start:stop])) / overall for start, stop in pairwise(cuts)]


def gini(scores: Floats, amounts: Floats) -> float | None:
    """How well scores rank by amount, from 0 (at random) to 1 (perfectly).

    Examples:
        >>> gini(np.array([1.0, 2.0, 3.0]), np.array([0.0, 0.0, 9.0]))
        1.0
        >>> gini(np.array([1.0, 1.0, 1.0]), np.array([0.0, 0.0, 9.0]))
        0.0
    """
    if not len(amounts) or not float(np.sum(amounts)):
        return None
    best = _concentration(amounts, amounts)
    return _concentration(scores, amounts) / best if best else None


def _concentration(scores: Floats, amounts: Floats) -> float:
    shared = _shared(scores, amounts)[np.argsort(-scores, kind="stable")]
    reached = np.cumsum(shared) / np.sum(shared)
    n = len(amounts)
    return round(float(np.sum(reached)) / n - (n + 1) / (2.0 * n), 12)


def _shared(scores: Floats, outcomes: npt.NDArray[Any]) -> Floats:
    """Outcomes in which those who score the same share what they have: no order among ties helps or harms."""
    _, places, counts = np.unique(scores, return_inverse=True, return_counts=True)
    shared: Floats = (np.bincount(places, weights=outcomes) / counts)[places]
    return shared


def mean(values: npt.NDArray[Any]) -> float | None:
    """The mean, None of nothing."""
    return float(np.mean(values)) if len(values) else None


def months(instants: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Months since January 1970 of instants (µs).

    Examples:
        >>> months(np.array([0, 31 * 86_400_000_000])).tolist()
        [0, 1]
    """
    return instants.astype("datetime64[us]").astype("datetime64[M]").astype(np.int64)

"""How good is a list of predictions?

Prequential (test-then-learn) under label delay: a metric takes the prediction stored when the question was
asked, before any model sees the answer [1]_.

References:
    .. [1] Grzenda, Gomes, Bifet. "Delayed labelling evaluation for data streams". Data Mining and Knowledge
       Discovery, 2019.
"""

from collections.abc import Sequence
from itertools import groupby
from math import log
from operator import itemgetter
from typing import TypedDict

CALIBRATION_BINS = 20
CERTAIN = 1e-4  # predictions are judged no surer than this


class BinaryFigures(TypedDict):
    """Quality of a probability."""

    examples: int
    base_rate: float | None
    auc: float | None
    log_loss: float | None
    brier: float | None
    ece: float | None


def clipped(probability: float) -> float:
    """Keep a probability away from 0 and 1, so that one mistake costs a finite loss.

    Examples:
        >>> clipped(1.0), clipped(0.5)
        (0.9999, 0.5)
    """
    return min(max(probability, CERTAIN), 1.0 - CERTAIN)


def log_loss(probability: float, label: int) -> float:
    """Give the log-loss of one answer, in nats."""
    p = clipped(probability)
    return -log(p if label else 1.0 - p)


def auc(probabilities: Sequence[float], labels: Sequence[int]) -> float | None:
    """Give the area under the ROC curve with mid-ranks for ties.

    Returns:
        `None` while there is only one class.

    Examples:
        >>> auc([0.1, 0.9, 0.9], [0, 1, 0])
        0.75
    """
    positives = sum(labels)
    negatives = len(labels) - positives
    if not positives or not negatives:
        return None
    below = 0
    won = 0.0
    for _, tied in groupby(sorted(zip(probabilities, labels, strict=True)), key=itemgetter(0)):
        ties = [label for _, label in tied]
        ones = sum(ties)
        zeros = len(ties) - ones
        won += ones * (below + zeros / 2.0)
        below += zeros
    return won / (positives * negatives)


def calibration_error(probabilities: Sequence[float], labels: Sequence[int]) -> float | None:
    """Give the expected calibration error over 20 bins of equal count.

    Examples:
        >>> calibration_error([0.5] * 4, [0, 1, 0, 1])
        0.5
        >>> calibration_error([0.0] * 40 + [1.0] * 40, [0] * 40 + [1] * 40)
        0.0
    """
    n = len(labels)
    if not n:
        return None
    ordered = sorted(zip(probabilities, labels, strict=True))
    off = 0.0
    for k in range(CALIBRATION_BINS):
        part = ordered[k * n // CALIBRATION_BINS : (k + 1) * n // CALIBRATION_BINS]
        off += abs(sum(p for p, _ in part) - sum(label for _, label in part))
    return off / n


def binary_figures(probabilities: Sequence[float], labels: Sequence[int]) -> BinaryFigures:
    """Judge a whole list of predictions exactly.

    Args:
        probabilities: As predicted then, none missing.
        labels: 0 or 1, aligned.

    Examples:
        >>> binary_figures([0.5, 0.5], [0, 1])["auc"]
        0.5
    """
    n = len(labels)
    if not n:
        return BinaryFigures(examples=0, base_rate=None, auc=None, log_loss=None, brier=None, ece=None)
    pairs = [(clipped(p), y) for p, y in zip(probabilities, labels, strict=True)]
    kept = [p for p, _ in pairs]
    return BinaryFigures(
        examples=n,
        base_rate=sum(labels) / n,
        auc=auc(kept, labels),
        log_loss=sum(log_loss(p, y) for p, y in pairs) / n,
        brier=sum((p - y) ** 2 for p, y in pairs) / n,
        ece=calibration_error(kept, labels),
    )

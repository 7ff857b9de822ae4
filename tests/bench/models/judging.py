"""Figures of predictions on the scored rows, and how sure a difference is."""

from typing import Any

import numpy as np

from scorers.evaluation import binary_figures
from tests.bench.models.rows import Numbers, Rows

CERTAIN = 1e-4


def binary(risk: Numbers, rows: Rows) -> dict[str, Any]:
    """AUC, log-loss, Brier score and calibration error over 20 bins."""
    risks, labels = risk[rows.scored], rows.label[rows.scored].astype(int)
    return {
        name: round(value, 5) if isinstance(value, float) else value
        for name, value in binary_figures(risks.tolist(), labels.tolist()).items()
    }


def bootstrap(rows: Rows, risk: Numbers, resamples: int, seed: int = 1) -> dict[str, list[float]]:
    """90 % intervals of our AUC and log-loss less the reference's, resampling customers."""
    scored = rows.scored
    customer, label = rows.customer[scored], rows.label[scored]
    count = int(customer.max()) + 1
    ours, theirs = rows.risk[scored], risk[scored]
    differ = np.bincount(customer, losses(ours, label) - losses(theirs, label), minlength=count)
    size = np.bincount(customer, minlength=count).astype(float)
    present = np.flatnonzero(size)
    rng = np.random.default_rng(seed)
    drawn: list[tuple[float, float]] = []
    orders = [np.argsort(each, kind="stable") for each in (ours, theirs)]
    for _ in range(resamples):
        weight = np.bincount(rng.choice(present, len(present)), minlength=count).astype(float)
        loss = float(weight @ differ / (weight @ size))
        areas = [_auc(label[order], weight[customer[order]]) for order in orders]
        drawn.append((areas[0] - areas[1], loss))
    low, high = np.percentile(np.array(drawn), [5, 95], axis=0)
    return {
        "auc_less": [round(float(low[0]), 5), round(float(high[0]), 5)],
        "log_loss_less": [round(float(low[1]), 5), round(float(high[1]), 5)],
    }


def aligned(rows: Rows, others: Rows) -> Numbers:
    """What another run said of the same customers at the same instants; even odds of those it did not know."""
    told = {
        (others.names[customer], day + others.start): risk
        for customer, day, risk in zip(others.customer, others.day, others.risk, strict=True)
    }
    return np.array(
        [
            told.get((rows.names[customer], day + rows.start), 0.5)
            for customer, day in zip(rows.customer, rows.day, strict=True)
        ]
    )


def losses(risk: Numbers, label: Numbers) -> Numbers:
    """Log-loss of each row."""
    kept = np.clip(risk, CERTAIN, 1.0 - CERTAIN)
    made: Numbers = -np.where(label == 1, np.log(kept), np.log(1.0 - kept))
    return made


def stages(chances: Numbers, rows: Rows) -> dict[str, float]:
    """Log-loss, accuracy and calibration error of the chance to stay."""
    known = rows.scored & (rows.following >= 0)
    told, following, stage = chances[known], rows.following[known], rows.stage[known]
    each = np.arange(len(following))
    staying = told[each, stage]
    order = np.argsort(staying, kind="stable")
    bins = each * 20 // len(each)
    off = np.abs(np.bincount(bins, (staying - (following == stage))[order])).sum() / len(each)
    return {
        "log_loss": round(float(-np.log(np.clip(told[each, following], CERTAIN, 1.0)).mean()), 5),
        "accuracy": round(float((told.argmax(axis=1) == following).mean()), 5),
        "stay_ece": round(float(off), 5),
        "moves": int((following != stage).sum()),
    }


def spent_within(rows: Rows, days: int) -> Numbers:
    """What each customer of a row spent within *days*; not a number where the data end before."""
    last = max(float(when[-1]) for when, _ in rows.bought) + 1
    spent = np.full(len(rows.day), np.nan)
    for row, (customer, day) in enumerate(zip(rows.customer, rows.day, strict=True)):
        if day <= last - days:
            when, amounts = rows.bought[customer]
            spent[row] = amounts[(when >= day) & (when < day + days)].sum()
    return spent


def amounts(told: Numbers, spent: Numbers) -> dict[str, float]:
    """Mean absolute error, bias, Gini of the ranking, and the share of all spend in the best tenth."""
    order = np.argsort(-told, kind="stable")
    gained = np.cumsum(spent[order]) / spent.sum()
    return {
        "examples": len(spent),
        "mae": round(float(np.abs(told - spent).mean()), 4),
        "bias": round(float((told - spent).mean()), 4),
        "gini": round(float(2 * gained.mean() - 1), 5),
        "top_tenth_lift": round(float(gained[len(gained) // 10] * 10), 4),
    }


def _auc(labels: Numbers, weights: Numbers) -> float:
    """Weighted area under the curve of rows sorted by risk; ties are next to nothing here."""
    zeros = np.cumsum(weights * (labels == 0))
    ones = weights * (labels == 1)
    return float(ones @ zeros / (ones.sum() * zeros[-1]))

"""Models: how good the predictions were, as they were made before the answer was known."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

from stream_app.console.answers_kept import BINS
from stream_app.console.asked import Asked
from stream_app.console.charts import lift, lines, reliability
from stream_app.console.context import Context
from stream_app.console.page import Chart, Figure, Page
from stream_app.console.rivals import against, trainer, voices
from stream_app.console.store import Store
from stream_app.console.tables import Column, Table
from stream_app.console.written import written

__all__ = ["Quality", "auc", "models", "quality"]

_TENTHS = 10


class Quality(NamedTuple):
    """Churn predictions of a month, or of all: sums over a histogram of risks.

    Attributes:
        churned: Answers by bin of the risk that churned.
        kept: Those that did not.
        risks: Sum of the risks by bin.
        log_loss: Mean.
        brier: Mean.
        base_loss: Mean log-loss of always saying the base rate so far.
    """

    churned: list[int]
    kept: list[int]
    risks: list[float]
    log_loss: float
    brier: float
    base_loss: float

    @property
    def answers(self) -> int:
        """How many."""
        return sum(self.churned) + sum(self.kept)


def models(context: Context, asked: Asked) -> Page:
    """Build the view."""
    by_month = _by_month(context.store, asked.lifecycle)
    overall = quality([row for rows in by_month.values() for row in rows])
    months = {month: quality(rows) for month, rows in sorted(by_month.items())}
    charts: dict[str, Chart] = {}
    if overall.answers:
        tenths = _by_tenth(overall)
        charts = {
            "calibration": Chart(
                "Calibration: does a risk of 30 % mean 30 of 100?", reliability(_reliable(overall))
            ),
            "lift": Chart(
                "Lift: how much more often each tenth left, highest risk first",
                lift(tenths),
            ),
            "loss": Chart(
                "Log-loss by month of the question (lower is better)",
                lines(
                    [_month_text(month) for month in months],
                    {
                        "churn model": [round(one.log_loss, 4) for one in months.values()],
                        "base rate": [round(one.base_loss, 4) for one in months.values()],
                    },
                    zero=False,
                ),
            ),
            "auc": Chart(
                "AUC by month of the question (higher is better)",
                lines(
                    [_month_text(month) for month in months],
                    {"AUC": [_rounded(auc(one)) for one in months.values()]},
                    zero=False,
                ),
            ),
        }
    return Page(
        title="Models",
        lead="How good the predictions are: each is judged as it was made, before its answer was known.",
        figures=_figures(context, asked, overall),
        charts=charts,
        tables={
            "against": against(context, asked.lifecycle, overall),
            "churn": _churn(months, overall),
            "voices": voices(context, asked.lifecycle),
            "value": _value(context.store, asked.lifecycle),
            "trainer": trainer(context, asked.lifecycle),
        },
    )


def _by_month(store: Store, lifecycle: str) -> dict[int, list[tuple[Any, ...]]]:
    found: dict[int, list[tuple[Any, ...]]] = defaultdict(list)
    question = (
        "SELECT month, bin, churned, kept, risk, log_loss, squares, base_loss FROM answer WHERE lifecycle = ?"
    )
    for row in store.rows(question, lifecycle):
        found[row[0]].append(row)
    return found


def quality(rows: Sequence[tuple[Any, ...]]) -> Quality:
    """Add up rows of the store."""
    churned, kept, risks = [0] * BINS, [0] * BINS, [0.0] * BINS
    loss = squares = base = 0.0
    for _, at, ones, zeros, risk, log_loss, square, base_loss in rows:
        churned[at] += ones
        kept[at] += zeros
        risks[at] += risk
        loss, squares, base = loss + log_loss, squares + square, base + base_loss
    n = (sum(churned) + sum(kept)) or 1
    return Quality(churned, kept, risks, loss / n, squares / n, base / n)


def auc(found: Quality) -> float | None:
    """The chance that one who churned had the higher risk; None without both kinds.

    Examples:
        >>> round(auc(quality([(0, 900, 3, 1, 0, 0, 0, 0), (0, 100, 1, 3, 0, 0, 0, 0)])), 4)
        0.75
    """
    below = wins = 0.0
    for ones, zeros in zip(found.churned, found.kept, strict=True):
        wins += ones * (below + zeros / 2)
        below += zeros
    pairs = sum(found.churned) * below
    return wins / pairs if pairs else None


def _reliable(found: Quality) -> list[tuple[float, float, int]]:
    """Mean risk, share that churned, and answers, for each tenth of the scale that has any."""
    points, width = [], BINS // _TENTHS
    for start in range(0, BINS, width):
        ones, zeros = sum(found.churned[start : start + width]), sum(found.kept[start : start + width])
        if ones + zeros:
            risk = sum(found.risks[start : start + width])
            points.append((risk / (ones + zeros), ones / (ones + zeros), ones + zeros))
    return points


def _by_tenth(found: Quality) -> list[float]:
    """Share that churned in each tenth of the customers, over that of all; highest risk first. Ties share evenly."""
    total, churned = found.answers, sum(found.churned)
    if not churned:
        return []
    shares, room = [0.0] * _TENTHS, total / _TENTHS
    tenth, left = 0, room
    for ones, zeros in zip(reversed(found.churned), reversed(found.kept), strict=True):
        waiting = float(ones + zeros)
        while waiting > 1e-9:
            taken = min(waiting, left)
            shares[tenth] += taken * ones / (ones + zeros)
            waiting, left = waiting - taken, left - taken
            if left <= 1e-9 and tenth < _TENTHS - 1:
                tenth, left = tenth + 1, room
    return [share / room / (churned / total) for share in shares]


def _figures(context: Context, asked: Asked, overall: Quality) -> list[Figure]:
    found = auc(overall)
    better = 1 - overall.log_loss / overall.base_loss if overall.base_loss else None
    snapshot, waiting = context.vitals.snapshot, context.vitals.training_waits
    figures = [
        Figure("AUC of churn", "—" if found is None else f"{found:.3f}", "0.5 is chance, 1 is perfect"),
        Figure(
            "Log-loss of churn",
            f"{overall.log_loss:.3f}" if overall.answers else "—",
            f"base rate: {overall.base_loss:.3f}",
        ),
        Figure(
            "Better than the base rate",
            "—" if better is None else f"{better:+.1%}",
            "of its log-loss",
            "" if better is None else "good" if better > 0 else "bad",
        ),
        Figure("Answers judged", f"{overall.answers:,}", "as the console counts the training topic"),
        _drifts(context, asked.lifecycle),
        Figure(
            "Labels waiting",
            "—" if waiting is None else f"{waiting:,}",
            "answers that the trainer has not learned yet",
            "bad" if waiting and waiting > 100_000 else "",
        ),
    ]
    if snapshot is not None and asked.lifecycle in snapshot.predictors:
        figures.append(
            Figure(
                "Serving model",
                f"{snapshot.predictors[asked.lifecycle].labels:,}",
                f"labels learned; sent {written(snapshot.created_at, 'time')}",
            )
        )
    return figures


def _drifts(context: Context, lifecycle: str) -> Figure:
    found = [
        one.value
        for one in context.vitals.samples
        if one.name == "lifecycle_model_drift_total" and one.labels.get("model") == f"{lifecycle}:churn"
    ]
    if not found:
        return Figure("Drift alarms", "—", "set metrics of [console] to see them")
    return Figure(
        "Drift alarms", f"{sum(found):,.0f}", "since the trainer's beginning", "bad" if sum(found) else "good"
    )


def _churn(months: dict[int, Quality], overall: Quality) -> Table:
    def row(name: str, one: Quality) -> list[Any]:
        n = one.answers
        return [name, n, sum(one.churned) / n, auc(one), one.log_loss, one.base_loss, one.brier]

    rows = [row(_month_text(month), one) for month, one in months.items() if one.answers]
    return Table(
        "Churn by month of the question",
        (
            Column("month"),
            Column("answers", "count"),
            Column("churned", "share"),
            Column("AUC", "number"),
            Column("log-loss", "number"),
            Column("log-loss of the base rate", "number"),
            Column("Brier", "number"),
        ),
        [*rows, row("all", overall)] if rows else [],
        "No answer yet: a question is answered when its horizon has passed.",
    )


def _value(store: Store, lifecycle: str) -> Table:
    question = (
        "SELECT month, spends, spent / spends, expected / spends, error / spends FROM other_answer "
        "WHERE lifecycle = ? AND spends > 0 ORDER BY month"
    )
    return Table(
        "Value by month of the question",
        (
            Column("month"), Column("answers", "count"), Column("spent, mean", "amount"), Column("expected, mean", "amount"),
            Column("off by, mean", "amount"),
        ),
        [[_month_text(month), *rest] for month, *rest in store.rows(question, lifecycle)],
        "No answer yet.",
    )  # fmt: skip


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _month_text(month: int) -> str:
    return f"{month // 12:04d}-{month % 12 + 1:02d}"

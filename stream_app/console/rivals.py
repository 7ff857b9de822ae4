"""The models beside what they must beat, and whose word counts how much in them."""

import math
from typing import TYPE_CHECKING, Any, Final

from stream_app.console.context import Context
from stream_app.console.store import Store
from stream_app.console.tables import Column, Table

if TYPE_CHECKING:
    from stream_app.console.models import Quality

__all__ = ["against", "trainer", "voices"]

_VERDICT: Final = {True: "better", False: "worse: look at drift, and at [labels]"}
_FIGURES: Final = {
    "auc": "AUC", "log_loss": "log-loss", "brier": "Brier", "ece": "calibration error", "base_rate": "share that churned",
    "mae": "mean absolute error", "examples": "answers",
}  # fmt: skip


def against(context: Context, lifecycle: str, churn: "Quality") -> Table:
    """Each model beside its baselines, on the same answers."""
    rows: list[list[Any]] = []
    if churn.answers:
        rows.append(_row("churn", "log-loss", churn.log_loss, "always says the base rate", churn.base_loss))
    rows += _next_stage(context.store, lifecycle)
    of = f"{lifecycle}:next_stage"
    ours, theirs = (
        _said(context, f"lifecycle_model_{name}", of) for name in ("log_loss", "baseline_log_loss")
    )
    if ours is not None and theirs is not None:
        rows.append(_row("next stage", "log-loss", ours, "always says it stays", theirs))
    return Table(
        "The models and what they must beat",
        (
            Column("model"), Column("figure"), Column("model's", "number"), Column("baseline"),
            Column("baseline's", "number"), Column("verdict"),
        ),
        rows,
        "No answer yet: a question is answered when its horizon has passed.",
        "Log-loss: lower is better. Accuracy: higher is better.",
    )  # fmt: skip


def _row(
    model: str, figure: str, ours: float, baseline: str, theirs: float, *, higher: bool = False
) -> list[Any]:
    better = ours >= theirs if higher else ours <= theirs
    return [model, figure, round(ours, 4), baseline, round(theirs, 4), _VERDICT[better]]


def _next_stage(store: Store, lifecycle: str) -> list[list[Any]]:
    question = (
        "SELECT coalesce(sum(moves), 0), coalesce(sum(right), 0), coalesce(sum(stayed), 0) FROM other_answer "
        "WHERE lifecycle = ?"
    )
    moves, right, stayed = store.rows(question, lifecycle)[0]
    if not moves:
        return []
    return [
        _row("next stage", "accuracy", right / moves, "always says it stays", stayed / moves, higher=True)
    ]


def _said(context: Context, name: str, model: str) -> float | None:
    """What the trainer's metrics page tells of a model."""
    samples = context.vitals.samples
    return next((one.value for one in samples if one.name == name and one.labels.get("model") == model), None)


def voices(context: Context, lifecycle: str) -> Table:
    """Champion and challengers: the mixture that is served, and the share that each of its parts has at present."""
    snapshot = context.vitals.snapshot
    predictor = None if snapshot is None else snapshot.predictors.get(lifecycle)
    rows: list[list[Any]] = []
    if predictor is not None:
        trust, share = predictor.churn_trust, predictor.churn_share
        rows = [
            ["churn", "champion: closed form over the order history, corrected", trust],
            ["churn", "champion: who is likelier than who, learned afresh", 1.0 - trust - share],
            ["churn", "challenger: regression that believes labels alone", share],
            ["value", "closed form and recent spend", 1.0 - predictor.value_share],
            ["value", "the same, corrected by all that is known", predictor.value_share],
        ]
    return Table(
        "Whose word counts: champion and challengers",
        (Column("model"), Column("part"), Column("share", "share")),
        rows,
        "No models have been learned yet.",
        "What is served is a mixture. Each answer moves the shares towards the part that was right.",
    )


def trainer(context: Context, lifecycle: str) -> Table:
    """What the newest snapshot says of itself, to hold against what the console counts."""
    snapshot = context.vitals.snapshot
    told = {} if snapshot is None else snapshot.metrics.get(lifecycle, {})
    rows = [
        [model.replace("_", " "), _FIGURES.get(name, name.replace("_", " ")), value]
        for model, figures in told.items()
        for name, value in figures.items()
        if isinstance(value, int | float) and math.isfinite(value)
    ]
    return Table(
        "What the trainer says",
        (Column("model"), Column("figure"), Column("value", "number")),
        rows,
        "No snapshot yet.",
        "From the newest snapshot. AUC and calibration error are those of recent answers.",
    )

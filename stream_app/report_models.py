"""The part of the report about models: how good they were, beside what they must beat, and what they look at."""

from collections.abc import Mapping, Sequence
from typing import Any

from scorers.explanation import heaviest_inputs
from scorers.predictor import Predictor
from state import DAY
from stream_app import report_plots as plots
from stream_app.model_figures import ModelFigures
from stream_app.report_html import figure, grid, number, table
from stream_app.scoring import Track

__all__ = ["models_section"]

_FEWEST = 20
"""Answered predictions below which curves say nothing."""

_OURS = "lifecycle"
_MEANS = {"orders": "does not order", "events": "does nothing at all", "cancellations": "cancels"}
_NAMES = {
    "base_rate": "base rate",
    "recency": "recency alone",
    "stays": "stays",
    "successor": "most frequent successor",
    "markov": "Markov chain",
    "last_period": "same as last period",
}


def models_section(track: Track, models: ModelFigures, predictor: Predictor) -> str:
    """Return the part about one lifecycle as HTML.

    Args:
        track: The lifecycle.
        models: How good its models were.
        predictor: The models at the end.
    """
    return "\n".join(
        [
            (
                "<p>Every figure is prequential: each prediction was made before its answer was known, and judged "
                "before a model learned it. Baselines answered the same questions under the same delays.</p>"
            ),
            *_churn(track, models, predictor),
            *_next_stage(track, models),
            *_value(track, models),
        ]
    )


def _churn(track: Track, models: ModelFigures, predictor: Predictor) -> list[str]:
    told, rows = models.table["churn"], models.churn
    days = track.horizons.churn / DAY
    parts = [
        "<h4>Churn</h4>",
        f"<p>Churned is who {_MEANS[track.horizons.label]} within {days:g} days.</p>",
        _comparison(told, ("auc", "log_loss", "brier", "ece")),
        _waits(told["labels"], ("churned", "never_active")),
    ]
    if told["examples"] < _FEWEST:
        return [
            *parts,
            f"<p>Only {told['examples']} churn predictions have been answered: too few to draw.</p>",
        ]
    named = _named(rows.risks)
    areas = {_OURS: told["auc"]} | {_NAMES[name]: each["auc"] for name, each in told["baselines"].items()}
    drawn = {name: risks for name, risks in named.items() if name != _NAMES["base_rate"]}
    lifts = {_OURS: told["lift_by_decile"], _NAMES["recency"]: told["baselines"]["recency"]["lift_by_decile"]}
    months = told["by_month"]
    times = [month["month"] for month in months]
    weights = heaviest_inputs(predictor)
    pieces = [
        figure("Calibration", plots.calibration(rows.risks["model"], rows.labels), "20 bins of equal count."),
        figure("ROC", plots.roc(drawn, rows.labels, areas), "Each point is a threshold on the churn risk."),
        figure("Lift", plots.lift(lifts, "churn", "highest risk"), "Churners in each tenth, against chance."),
        figure(
            "Loss over time",
            plots.by_month(times, _series(months, "log_loss"), "loss", "log-loss", _NAMES["base_rate"]),
            "Log-loss by month of prediction; lower is better.",
        ),
        figure(
            "AUC over time",
            plots.by_month(times, _series(months, "auc"), "auc", "AUC", _NAMES["base_rate"]),
            "By month of prediction; higher is better.",
        ),
    ]
    if weights:
        drawn_weights = plots.bars(weights, "weights", "log odds per standard deviation", form="{:+.2f}")
        pieces.append(
            figure(
                "Feature weights",
                drawn_weights,
                "Of the learned model at the end; to the right raises the risk.",
            )
        )
    heads = ("examples", "base_rate", "auc", "log_loss", "ece")
    return [*parts, grid(*pieces), _breakdown(told, heads)]


def _next_stage(track: Track, models: ModelFigures) -> list[str]:
    told, rows = models.table["next_stage"], models.next_stage
    days = track.horizons.next_stage / DAY
    parts = [
        "<h4>Next stage</h4>",
        f"<p>The stage entered first within {days:g} days, or none: the customer stays.</p>",
        _comparison(told, ("log_loss", "accuracy")),
        _waits(told["labels"], ("stayed",)),
    ]
    if told["examples"] < _FEWEST:
        return parts
    months = told["by_month"]
    times = [month["month"] for month in months]
    moved = rows.following != rows.stage
    pieces = [
        figure(
            "Loss over time",
            plots.by_month(times, _series(months, "log_loss"), "stage loss", "log-loss", _NAMES["stays"]),
            "Log-loss by month of prediction; lower is better.",
        ),
        figure(
            "Calibration",
            plots.calibration(1.0 - rows.staying, moved, "leaves the stage", "share that left"),
            "The chance to leave the stage at all; 20 bins of equal count.",
        ),
    ]
    return [*parts, grid(*pieces), _breakdown(told, ("examples", "moved", "log_loss", "accuracy", "ece"))]


def _value(track: Track, models: ModelFigures) -> list[str]:
    told, rows = models.table["value"], models.value
    days = track.horizons.value / DAY
    parts = [
        "<h4>Value</h4>",
        f"<p>Spend within {days:g} days, in the base currency.</p>",
        _comparison(told, ("mae", "bias", "gini")),
        _waits(told["labels"], ("spent_something",)),
    ]
    if told["examples"] < _FEWEST:
        return parts
    lifts = {
        _OURS: told["lift_by_decile"],
        _NAMES["last_period"]: told["baselines"]["last_period"]["lift_by_decile"],
    }
    pieces = [
        figure(
            "Expected and spent",
            plots.expected_against_spent(rows.said["model"], rows.spent),
            "Mean spend of each tenth of the customers, as expected and as it came.",
        ),
        figure(
            "Lift", plots.lift(lifts, "value", "highest expectation"), "Spend in each tenth, against chance."
        ),
    ]
    return [*parts, grid(*pieces), _breakdown(told, ("examples", "mean_spent", "mae", "gini"))]


def _named(by_name: Mapping[str, Any]) -> dict[str, Any]:
    return {_OURS if name == "model" else _NAMES[name]: value for name, value in by_name.items()}


def _comparison(told: dict[str, Any], figures: Sequence[str]) -> str:
    later = told["since_first_label"]
    pieces = [_contenders(told, figures, "all predictions")]
    if 0 < later["examples"] < told["examples"]:
        pieces.append(_contenders(later, figures, "since the first label was known"))
    return grid(*pieces)


def _contenders(told: dict[str, Any], figures: Sequence[str], which: str) -> str:
    contenders = {_OURS: told} | {_NAMES[name]: each for name, each in told["baselines"].items()}
    heads = (which, *(_head(name) for name in figures), "predictions")
    rows = [
        [who, *(number(each[name]) for name in figures), number(each["examples"])]
        for who, each in contenders.items()
    ]
    return table(heads, rows, ours=_OURS)


def _series(months: Sequence[dict[str, Any]], name: str) -> dict[str, list[float | None]]:
    series = {_OURS: [month[name] for month in months]}
    for baseline in months[0]["baselines"]:
        series[_NAMES[baseline]] = [month["baselines"][baseline][name] for month in months]
    return series


def _waits(labels: dict[str, Any], more: Sequence[str]) -> str:
    mean = labels["wait_days"]["mean"]
    counts = ", ".join(
        f"{labels[name]:,} {_head(name)}" for name in ("asked", "answered", "waiting", "learned", *more)
    )
    waited = "" if mean is None else f"; labels were learned after {mean:.1f} days on average"
    return f"<p>Questions: {counts}{waited}.</p>"


def _breakdown(told: dict[str, Any], figures: Sequence[str]) -> str:
    heads = [_head(name) for name in figures]
    by_month = [[each["month"], *(number(each[name]) for name in figures)] for each in told["by_month"]]
    by_stage = [
        [stage, *(number(each[name]) for name in figures)] for stage, each in told["by_stage"].items()
    ]
    return (
        f"<details><summary>By month and by stage</summary>{table(('month', *heads), by_month)}"
        f"{table(('stage', *heads), by_stage)}</details>"
    )


def _head(name: str) -> str:
    known = {
        "auc": "AUC",
        "log_loss": "log-loss",
        "ece": "calibration error",
        "brier": "Brier",
        "mae": "mean absolute error",
        "never_active": "of people who cannot churn",  # who never ordered, or has cancelled
    }
    return known.get(name, name.replace("_", " "))

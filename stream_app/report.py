"""The report of a backtest: one self-contained page with what happened and how good the models were."""

from collections.abc import Mapping
from html import escape
from typing import Any

from scorers.predictor import Predictor
from stream_app import report_plots as plots
from stream_app.backtest import Backtest
from stream_app.model_figures import ModelFigures
from stream_app.report_html import card, figure, grid, note, page, table
from stream_app.report_models import models_section
from stream_app.scoring import Scoring, Track

__all__ = ["report_page"]

_REASONS = ("entered", "advanced", "skipped", "returned", "lapsed", "reactivated")
_MOST_MOVES = 12


def report_page(
    backtest: Backtest,
    scoring: Scoring,
    metrics: dict[str, Any],
    models: Mapping[str, ModelFigures],
    source: str,
) -> str:
    """Return the page as HTML; it loads nothing from anywhere.

    Args:
        backtest: A run that has ended.
        scoring: Its lifecycles.
        metrics: The content of `metrics.json`.
        models: How good the models were, by lifecycle name.
        source: Name of the source.
    """
    parts = []
    if metrics["notice"]:
        parts.append(note(f"Note: {metrics['notice']}."))
    days = f"{(metrics['first_event_time'] or 'never')[:10]} to {(metrics['end'] or 'never')[:10]}"
    cards = [card(f"{metrics['customers']:,}", "customers"), card(f"{metrics['events']:,}", "events")]
    churn = metrics["models"]["churn"]
    if churn["auc"] is not None:
        cards += [
            card(f"{churn['auc']:.3f}", "AUC of churn"),
            card(f"{churn['log_loss']:.3f}", "log-loss of churn"),
            card(f"{churn['ece']:.3f}", "calibration error"),
            card(f"{churn['base_rate']:.0%}", "churned"),
        ]
    parts.append(f'<div class="cards">{"".join(cards)}</div>')
    rows = [["period", days], ["speed", f"{metrics['events_per_second']:,.0f} events a second"]]
    rows += [
        [name.replace("_", " "), f"{metrics[name]:,}"] for name in ("duplicates", "late", "dead_letters")
    ]
    rows += [[f"dead letters: {reason}", f"{n:,}"] for reason, n in metrics["dead_letter_reasons"].items()]
    rows += [[f"left out: {reason}", f"{n:,}"] for reason, n in metrics["dropped"].items()]
    parts.append(table((), rows))
    for index, track in enumerate(scoring.tracks):
        told = metrics["lifecycles"][track.name]
        parts.append(_lifecycle(backtest, index, track, told, models[track.name], scoring.predictors[index]))
    return page(f"Backtest of {source}", "\n".join(parts))


def _lifecycle(
    backtest: Backtest,
    index: int,
    track: Track,
    metrics: dict[str, Any],
    models: ModelFigures,
    predictor: Predictor,
) -> str:
    outcome = backtest.outcome
    counts = [
        (at, [population[index, stage] for stage in range(len(track.stages))])
        for at, population in outcome.populations
    ]
    reasons = [(reason, metrics["transitions"].get(reason, 0)) for reason in _REASONS]
    moves = sorted(
        (
            (count, f"{before or '(new)'} → {after}")
            for (name, before, after), count in outcome.moves.items()
            if name == track.name
        ),
        reverse=True,
    )
    return "\n".join(
        [
            f"<h2>Lifecycle {escape(track.name)}</h2>",
            figure(
                "Stages over time",
                plots.stages_over_time(counts, track.stages),
                "Customers by stage, sampled weekly.",
            ),
            grid(
                figure(
                    "Transitions by reason",
                    plots.bars(reasons, f"reasons {index}", "transitions"),
                    "Entered: first seen. Skipped: advanced by more than one stage. Reactivated: came back.",
                ),
                "<figure><h3>Transitions by stage</h3>"
                + table((), [[move, f"{count:,}"] for count, move in moves[:_MOST_MOVES]])
                + "</figure>",
            ),
            models_section(track, models, predictor),
        ]
    )

"""The report of a backtest: one self-contained page with what happened and how good the models were."""

from html import escape
from typing import Any

from stream_app import report_plots as plots
from stream_app.backtest import Backtest
from stream_app.judgement import Judgement
from stream_app.scoring import Scoring, Track

_REASONS = ("entered", "advanced", "skipped", "returned", "lapsed", "reactivated")
_FEWEST = 20
"""Answered predictions below which curves say nothing."""

_MOST_MOVES = 20


_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; color: #222; background: #fff; max-width: 60rem; margin: 2rem
auto; padding: 0 1rem; }} h1 {{ font-size: 1.6rem; }} h2 {{ margin-top: 2.5rem; border-bottom: 1px solid #ddd;
}} h3 {{ margin-top: 1.5rem; font-size: 1.05rem; }} p.note {{ background: #fff6df; border-left: 4px solid
#e69f00; padding: .5rem .8rem; }} table {{ border-collapse: collapse; margin: 1rem 0; }} th, td {{ padding:
.25rem .8rem; border-bottom: 1px solid #eee; text-align: left; }} td.n {{ text-align: right; font-variant-
numeric: tabular-nums; }} figure {{ margin: 1rem 0; }} figure svg {{ width: 100%; height: auto; }} figcaption
{{ color: #666; font-size: .9rem; }} </style> </head> <body> <h1>{title}</h1> {body} </body> </html>
"""


def report_page(backtest: Backtest, scoring: Scoring, metrics: dict[str, Any], source: str) -> str:
    """Return the page as HTML; it loads nothing from anywhere.

    Args:
        backtest: A run that has ended.
        scoring: Its lifecycles.
        metrics: The content of `metrics.json`.
        source: Name of the source.
    """
    parts = []
    if metrics["notice"]:
        parts.append(f'<p class="note">Note: {escape(metrics["notice"])}.</p>')
    figures = ("events", "duplicates", "late", "dead_letters", "customers")
    rows = [(name.replace("_", " "), f"{metrics[name]:,}") for name in figures]
    rows += [("from", metrics["first_event_time"] or "never"), ("to", metrics["end"] or "never")]
    rows.append(("speed", f"{metrics['events_per_second']:,.0f} events a second"))
    rows += [(f"dead letters: {reason}", f"{n:,}") for reason, n in metrics["dead_letter_reasons"].items()]
    rows += [(f"left out: {reason}", f"{n:,}") for reason, n in metrics["dropped"].items()]
    parts.append(_table(rows))
    for index, track in enumerate(scoring.tracks):
        parts.append(_lifecycle(backtest, index, track, metrics["lifecycles"][track.name]))
    return _PAGE.format(title=escape(f"Backtest of {source}"), body="\n".join(parts))


def _lifecycle(backtest: Backtest, index: int, track: Track, metrics: dict[str, Any]) -> str:
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
            _figure(
                "Stages over time",
                plots.stages_over_time(counts, track.stages),
                "Customers by stage, sampled weekly.",
            ),
            _figure(
                "Transitions by reason",
                plots.bars(reasons, f"reasons {index}", "transitions"),
                "Entered: first seen. Skipped: advanced by more than one stage. Reactivated: came back.",
            ),
            "<h3>Transitions by stage</h3>",
            _table([(move, f"{count:,}") for count, move in moves[:_MOST_MOVES]]),
            _models(backtest.judgements[track.name], metrics["models"]),
        ]
    )


def _models(judgement: Judgement, models: dict[str, Any]) -> str:
    parts = [
        "<h3>Models</h3>",
        (
            "<p>Prequential: each prediction was made before its answer was known, "
            "and judged before a model learned it.</p>"
        ),
        _table(
            [
                (f"{model.replace('_', ' ')}: {name.replace('_', ' ')}", _number(value))
                for model, figures in models.items()
                for name, value in figures.items()
            ]
        ),
    ]
    risks, labels = judgement.risks, judgement.labels
    if len(labels) < _FEWEST:
        parts.append(f"<p>Only {len(labels)} churn predictions have been answered: too few to draw.</p>")
        return "\n".join(parts)
    area = models["churn"]["auc"]
    loss = plots.loss_over_time(judgement.loss_by_month())
    parts += [
        _figure("Calibration", plots.calibration(risks, labels), "20 bins of equal count."),
        _figure("ROC", plots.roc(risks, labels, area), "Each point is a threshold on the churn risk."),
        _figure("Lift", plots.lift(risks, labels), "Churners among those at highest risk, against chance."),
        _figure("Loss over time", loss, "By 30 days of prediction time; lower is better."),
    ]
    return "\n".join(parts)


def _figure(title: str, svg: str, caption: str) -> str:
    return f"<h3>{escape(title)}</h3>\n<figure>{svg}<figcaption>{escape(caption)}</figcaption></figure>"


def _table(rows: list[tuple[str, str]]) -> str:
    cells = "\n".join(
        f'<tr><td>{escape(name)}</td><td class="n">{escape(value)}</td></tr>' for name, value in rows
    )
    return f"<table>{cells}</table>"


def _number(value: float | None) -> str:
    if value is None:
        return "unknown"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.4f}"

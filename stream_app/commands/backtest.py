"""`lifecycle backtest`: the same step in one process, without Kafka or Redis."""

import json
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from scorers.durations import DurationError, parse_duration
from state import format_instant, parse_instant
from stream_app.errors import Misconfigured
from stream_app.event_names import load_measures
from stream_app.model_key import model_key
from stream_app.options import AsJson, ConfigFile, DataDir, Lifecycles
from stream_app.settings import load_settings
from stream_app.source_options import (
    DEFAULT_SEED,
    ColumnOf,
    EventName,
    Format,
    Limit,
    Order,
    Rename,
    Seed,
    SimulateTouches,
    SourceName,
    TopicMap,
    asked_source,
    bounds_of,
    wall_clock,
)


def backtest(
    source: SourceName,
    form: Format = "events",
    lifecycle: Lifecycles = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Where to write the result files.", show_default=False),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(
            "--until", metavar="TIME", help="End there; by default at the last event.", show_default=False
        ),
    ] = None,
    label_horizon: Annotated[
        str | None,
        typer.Option("--label-horizon", metavar="90d", help="How far labels look ahead.", show_default=False),
    ] = None,
    snapshot_every: Annotated[
        str | None,
        typer.Option(
            "--snapshot-every",
            metavar="7d",
            help="Score every known customer at 00:00 UTC that often; by default as workers do.",
            show_default=False,
        ),
    ] = None,
    limit: Limit = None,
    order: Order = "time",
    topic_map: TopicMap = None,
    column: ColumnOf = None,
    event: EventName = "",
    rename: Rename = None,
    simulate_touches: SimulateTouches = False,
    seed: Seed = DEFAULT_SEED,
    save_model: Annotated[
        Path | None,
        typer.Option(
            "--save-model",
            metavar="FILE",
            help="Write what was learned, signed, for `lifecycle trainer --load FILE`.",
            show_default=False,
        ),
    ] = None,
    config: ConfigFile = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Run a data set through the same step in one process: transitions, model quality, a report.

    With --out DIR it writes transitions.jsonl, profiles.jsonl, predictions.jsonl, labels.jsonl, metrics.json
    and report.html.
    """
    horizon = _duration(label_horizon, "--label-horizon")
    every = _duration(snapshot_every, "--snapshot-every")
    end = _instant(until)
    settings = load_settings(config, data_dir=data_dir, lifecycles=lifecycle)
    kinds, now = load_measures(settings), wall_clock()
    opened = asked_source(
        settings,
        kinds,
        source,
        form,
        received_at=now,
        limit=limit,
        order=order,
        topic_map=topic_map,
        column=column,
        event=event,
        rename=rename,
        simulate=simulate_touches,
        seed=seed,
    )
    # models and plots are slow to import, and not wanted for --help
    from stream_app.backtest import Backtest, Plan, with_label_horizon  # noqa: PLC0415
    from stream_app.backtest_files import LineFiles, metrics_of, write_json  # noqa: PLC0415
    from stream_app.model_figures import model_figures  # noqa: PLC0415
    from stream_app.model_file import check_place, save_models  # noqa: PLC0415
    from stream_app.progress_display import ProgressDisplay  # noqa: PLC0415
    from stream_app.scoring import scoring_for  # noqa: PLC0415
    from stream_app.worker.stores import MemoryStore  # noqa: PLC0415

    scoring = scoring_for(settings)
    if horizon is not None:
        with_label_horizon(scoring, horizon)
    if save_model is not None:
        check_place(save_model)
        secret = settings.models.key
        key = model_key(None if secret is None else secret.get_secret_value(), settings.data_dir)
    names = ("transitions.jsonl", "predictions.jsonl", "labels.jsonl", "profiles.jsonl")
    with ProgressDisplay(f"backtesting {source}") as display, LineFiles(out, *names) as files:
        if opened.notice:
            display.say(f"note: {opened.notice}")
        plan = Plan(
            until=end,
            snapshot_every=every,
            received_at=now,
            transitions=partial(files.write, "transitions.jsonl"),
            predictions=partial(files.write, "predictions.jsonl"),
            labels=partial(files.write, "labels.jsonl"),
            tell=lambda count, at: display.show(count, opened.reading.read or None, _told(count, at)),
        )
        run = Backtest(scoring, MemoryStore(), kinds, bounds_of(settings), plan)
        run.run(opened.records)
        display.say("judging the models")
        models = {name: model_figures(judgement) for name, judgement in run.judgements.items()}
        metrics = metrics_of(run, scoring, opened, models)
        if out is not None:
            for line in run.profile_lines():
                files.write("profiles.jsonl", line)
            display.say("writing the report")
            from stream_app.report import report_page  # noqa: PLC0415 - plots are slow to import

            write_json(out / "metrics.json", metrics)
            page = report_page(run, scoring, metrics, models, source)
            (out / "report.html").write_text(page, encoding="utf-8")
    typer.echo(json.dumps(metrics) if as_json else _sentences(source, metrics, out))
    if save_model is not None:
        save_models(save_model, run.learners, key, format_instant(now))
        typer.echo(f"the models are in {save_model}", err=True)


def _duration(text: str | None, flag: str) -> int | None:
    if text is None:
        return None
    try:
        duration = parse_duration(text)
    except DurationError as error:
        raise Misconfigured(f"{flag} {text}: {error}") from error
    if duration <= 0:
        raise Misconfigured(f"{flag} {text}: must be longer than nothing, such as 7d")
    return duration


def _instant(text: str | None) -> int | None:
    if text is None:
        return None
    try:
        return parse_instant(text)
    except ValueError as error:
        raise Misconfigured(f"--until {error}; write for example 2011-06-01T00:00:00Z") from error


def _told(count: int, at: int) -> str:
    return f"{count:,} events up to {format_instant(at)[:10]}"


def _sentences(source: str, metrics: dict[str, Any], out: Path | None) -> str:
    lines = [
        (
            f"backtested {source}: {metrics['events']:,} events of {metrics['customers']:,} customers "
            f"in {metrics['seconds']:.1f} s, {metrics['events_per_second']:,.0f} a second"
        ),
        (
            f"  duplicates {metrics['duplicates']:,}, late {metrics['late']:,}, "
            f"dead letters {metrics['dead_letters']:,}"
        ),
        "  stages: " + ", ".join(f"{name} {count:,}" for name, count in metrics["stages"].items()),
        "  transitions: " + ", ".join(f"{why} {count:,}" for why, count in metrics["transitions"].items()),
    ]
    lines += _qualities(metrics["models"])
    if out is not None:
        lines.append(f"  {out / 'report.html'} shows it")
    return "\n".join(lines)


def _qualities(models: dict[str, Any]) -> list[str]:
    """The models' figures with those of the baselines below, as far as there are answers."""
    shown = {
        "churn": {"auc": "AUC", "log_loss": "log-loss", "brier": "Brier", "ece": "calibration error"},
        "next_stage": {"log_loss": "log-loss", "accuracy": "accuracy"},
        "value": {"mae": "mean error", "gini": "Gini"},
    }
    lines = []
    for model, names in shown.items():
        told, labels = models[model], models[model]["labels"]
        wait = labels["wait_days"]["mean"]
        waited = "" if wait is None else f", learned after {wait:.0f} days"
        name = model.replace("_", " ")
        lines.append(f"  {name}: {labels['answered']:,} of {labels['asked']:,} predictions answered{waited}")
        if not told["examples"]:
            continue
        contenders = {"lifecycle": told, **told["baselines"]}
        for who, figures in contenders.items():
            numbers = [
                f"{word} {figures[key]:.4f}" for key, word in names.items() if figures[key] is not None
            ]
            lines.append(f"    {who.replace('_', ' '):<12} {', '.join(numbers)}")
        if model == "churn":
            lines.append(f"    {told['base_rate']:.0%} churned; lift by decile {_lifts(told)}")
    return lines


def _lifts(told: dict[str, Any]) -> str:
    return " ".join(f"{lift:.2f}" for lift in told["lift_by_decile"] or ()) or "unknown"

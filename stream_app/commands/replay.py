"""`lifecycle replay`: sends a data set or JSON Lines file into the topics."""

import asyncio
import json
from typing import Annotated, Any

import typer

from stream_app.errors import Misconfigured
from stream_app.event_names import load_measures
from stream_app.options import AsJson, ConfigFile, Kafka
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
    wall_clock,
)


def replay(
    source: SourceName,
    form: Format = "events",
    speed: Annotated[
        str, typer.Option("--speed", metavar="X", help="'max', or how many times faster than real time.")
    ] = "max",
    limit: Limit = None,
    order: Order = "time",
    topic_map: TopicMap = None,
    column: ColumnOf = None,
    event: EventName = "",
    rename: Rename = None,
    simulate_touches: SimulateTouches = False,
    seed: Seed = DEFAULT_SEED,
    config: ConfigFile = None,
    kafka: Kafka = None,
    as_json: AsJson = False,
) -> None:
    """Send a data set or JSON Lines file into the topics, in event-time order.

    At the end every partition is told the last event time of the source, so that timers due by then fire in
    workers that run with --clock event. Lines that cannot be read are sent as they are: the worker makes them
    dead letters.
    """
    factor = _factor(speed)
    settings = load_settings(config, kafka=kafka)
    opened = asked_source(
        settings,
        load_measures(settings),
        source,
        form,
        received_at=wall_clock(),
        limit=limit,
        order=order,
        topic_map=topic_map,
        column=column,
        event=event,
        rename=rename,
        simulate=simulate_touches,
        seed=seed,
    )
    from stream_app.progress_display import ProgressDisplay  # noqa: PLC0415 - only when there is work
    from stream_app.replay import Progress, replay  # noqa: PLC0415 - same

    reading = opened.reading
    is_sorted = order == "time" and not simulate_touches

    with ProgressDisplay(f"replaying {source}") as display:
        if opened.notice:
            display.say(f"note: {opened.notice}")

        def tell(progress: Progress) -> None:
            total = min(reading.read, limit or reading.read) if is_sorted else limit
            display.show(progress.events, total, _told(progress.summary()))

        progress = asyncio.run(replay(opened.records, settings, speed=factor, tell=tell))
    summary = progress.summary() | {
        "dropped": dict(reading.dropped),
        "malformed": reading.malformed,
        "notice": opened.notice,
    }
    typer.echo(json.dumps(summary) if as_json else _sentence(source, summary))


def _factor(speed: str) -> float | None:
    if speed == "max":
        return None
    try:
        factor = float(speed.removesuffix("x"))
    except ValueError:
        factor = 0.0
    if not 0.0 < factor < float("inf"):
        raise Misconfigured(f"--speed {speed}: is no speed; write max, or a number above 0 such as 3600")
    return factor


def _told(summary: dict[str, Any]) -> str:
    day = (summary["last_event_time"] or "")[:10]
    return f"{summary['events']:,} events up to {day}, {summary['events_per_second']:,.0f}/s"


def _sentence(source: str, summary: dict[str, Any]) -> str:
    lines = [
        f"replayed {source}: {_told(summary)}, in {summary['seconds']:.1f} s",
        *(f"  {topic}: {count:,}" for topic, count in summary["topics"].items()),
    ]
    if summary["malformed"]:
        lines.append(
            f"  of these {summary['malformed']:,} cannot be read: the worker makes them dead letters"
        )
    lines += [f"  left out, {reason}: {count:,}" for reason, count in summary["dropped"].items()]
    lines += [f"  not sent, {reason}: {count:,}" for reason, count in summary["refused"].items()]
    if summary["events"]:
        lines.append(f"  from {summary['first_event_time']} to {summary['last_event_time']}")
    return "\n".join(lines)

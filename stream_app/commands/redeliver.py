"""`lifecycle redeliver`: sends a period again."""

import asyncio
import time
from typing import Annotated

import typer

from state.instants import parse_instant
from stream_app.errors import Misconfigured, WorkFailed
from stream_app.options import AsJson, ConfigFile, DataDir, Kafka
from stream_app.settings import load_settings


def redeliver(
    destination: Annotated[
        str, typer.Option(metavar="FILE_OR_PRESET", help="The destination.", show_default=False)
    ],
    since: Annotated[
        str, typer.Option("--from", metavar="TIME", help="Published at or after this instant (RFC 3339).")
    ],
    until: Annotated[
        str | None,
        typer.Option("--to", metavar="TIME", help="Published before this instant; by default now."),
    ] = None,
    failed: Annotated[
        bool, typer.Option("--failed", help="Only what the attempt log on this machine has not as delivered.")
    ] = False,
    patience: Annotated[float, typer.Option(min=0, help="Seconds for which one message is tried.")] = 60.0,
    config: ConfigFile = None,
    kafka: Kafka = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Send what was published in a period to a destination again, with the ids of the first time.

    Filters hold as ever; with latest_only what newer messages have overtaken is left out. A running `lifecycle deliver`
    is not disturbed. Exit code 1 if something was not taken.
    """
    from stream_app.delivery.again import redeliver_period  # noqa: PLC0415 - slow to import
    from stream_app.delivery.destination import load_destination  # noqa: PLC0415 - same

    settings = load_settings(config, kafka=kafka, data_dir=data_dir)
    first, last = _instant("--from", since), _instant("--to", until) if until else time.time_ns() // 1000
    if first >= last:
        raise Misconfigured("--from must come before --to")
    target = load_destination(destination)
    counts = asyncio.run(
        redeliver_period(settings, target, first, last, only_failed=failed, patience=patience)
    )
    if as_json:
        import orjson  # noqa: PLC0415 - only here

        typer.echo(orjson.dumps(counts).decode())
    else:
        typer.echo(", ".join(f"{number} {outcome}" for outcome, number in counts.items()))
    if lost := counts["refused"] + counts["given_up"]:
        raise WorkFailed(
            f"{lost} messages were not taken: `lifecycle deliveries {target.name} --failed` says why"
        )


def _instant(flag: str, text: str) -> int:
    try:
        return parse_instant(text)
    except ValueError as error:
        raise Misconfigured(f'{flag}: {error}; write for example "2026-03-01T12:00:00Z"') from None

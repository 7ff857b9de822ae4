"""`lifecycle deliveries`: the attempt log of a destination."""

from typing import Annotated

import typer

from state import format_instant
from stream_app.delivery.attempts import AttemptLog, log_path
from stream_app.errors import WorkFailed
from stream_app.options import AsJson, ConfigFile, DataDir
from stream_app.printing import Printer, rows
from stream_app.settings import load_settings


def deliveries(
    destination: Annotated[str, typer.Argument(metavar="NAME", help="Name of the destination.")],
    config: ConfigFile = None,
    data_dir: DataDir = None,
    failed: Annotated[
        bool, typer.Option("--failed", help="Only messages that have not been delivered.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, help="Attempts to show, newest first.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Show what was tried for a destination, and what came of it, newest first.

    Reads the log of the `lifecycle deliver` process on this machine.
    """
    settings = load_settings(config, data_dir=data_dir)
    file = log_path(settings.data_dir, settings.prefix, destination)
    if not file.is_file():
        raise WorkFailed(
            f"{file}: no attempt log; check the name and --data-dir, or has nothing been sent yet?"
        )
    log = AttemptLog(file)
    attempts = list(log.latest(most=limit, failed=failed))
    log.close()
    if as_json:
        import orjson  # noqa: PLC0415 - only here

        told = [{**attempt._asdict(), "at": format_instant(attempt.at)} for attempt in attempts]
        typer.echo(orjson.dumps(told).decode())
        return
    table = rows("when", "message", "stage", "attempt", "outcome", "seconds", "why")
    for one in attempts:
        facts = (str(one.number), one.outcome, f"{one.seconds:.3f}", one.error or "")
        table.add_row(format_instant(one.at), one.message, one.stage or "", *facts)
    Printer().print(table)

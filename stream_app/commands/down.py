"""`lifecycle down`: stops the embedded services."""

import json

import typer

from stream_app.embedded.background import bring_down
from stream_app.embedded.progress import StandardError
from stream_app.options import AsJson, ConfigFile, DataDir
from stream_app.settings import load_settings


def down(config: ConfigFile = None, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Stop the embedded Kafka and Redis that `lifecycle up` started.

    Their data stays in the data directory, and `lifecycle up` goes on with it. Stopping what does not run is
    no error.
    """
    where = load_settings(config, data_dir=data_dir).data_dir
    with StandardError() as listener:
        stopped = bring_down(where, listener)
    if as_json:
        typer.echo(json.dumps({"stopped": stopped}))
    else:
        typer.echo(f"stopped {' and '.join(stopped)}" if stopped else f"nothing runs in {where}")

"""`lifecycle status`: which embedded services run, and where?"""

import json

import typer

from state.instants import format_instant
from stream_app.embedded.background import Running, look
from stream_app.options import AsJson, ConfigFile, DataDir
from stream_app.settings import load_settings


def status(config: ConfigFile = None, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Say whether the embedded Kafka and Redis run, and where.

    Prints a comment line for each and, of those that run, the address as a KEY=value line. Ends with 0
    whatever it finds; --json tells programs.
    """
    servers = look(load_settings(config, data_dir=data_dir).data_dir)
    if as_json:
        typer.echo(json.dumps({server.name.lower(): _facts(server) for server in servers}))
        return
    for server in servers:
        typer.echo(f"# {_sentence(server)}")
        if server.pid is not None:
            typer.echo(f"{server.setting}={server.address}")


def _facts(server: Running) -> dict[str, str | int | None]:
    if server.pid is None:
        return {"state": server.state, "pid": None, "address": None}
    return {
        "state": server.state,
        "pid": server.pid,
        "address": server.address,
        "since": _since(server),
        "memory_bytes": server.memory,
        "log": str(server.log),
    }


def _sentence(server: Running) -> str:
    if server.pid is None:
        return f"{server.name}: {server.state}"
    return (
        f"{server.name}: {server.state}, pid {server.pid}, since {_since(server)}, "
        f"{server.memory / 1e6:.0f} MB, log {server.log}"
    )


def _since(server: Running) -> str:
    return format_instant(int(server.started) * 1_000_000)

"""`lifecycle up`: the embedded Kafka and Redis as background services."""

import json
from typing import Annotated

import typer

from stream_app.embedded.background import bring_up
from stream_app.embedded.jars import default_cache
from stream_app.embedded.plan import Wanted
from stream_app.embedded.progress import StandardError
from stream_app.options import AsJson, ConfigFile, DataDir
from stream_app.settings import load_settings

_ANY = "0 takes the port of last time, or any that is free."


def up(
    config: ConfigFile = None,
    data_dir: DataDir = None,
    kafka_port: Annotated[int, typer.Option(min=0, max=65_535, help=f"Port for Kafka; {_ANY}")] = 0,
    redis_port: Annotated[int, typer.Option(min=0, max=65_535, help=f"Port for Redis; {_ANY}")] = 0,
    as_json: AsJson = False,
) -> None:
    """Start the embedded Kafka and Redis as background services.

    Prints their addresses as KEY=value lines, which the other commands read from the environment:
    export $(lifecycle up).

    Running it again changes nothing and prints the same. Both keep their data in the data directory and
    listen on this machine's loopback address only. `lifecycle down` stops them.
    """
    where = load_settings(config, data_dir=data_dir).data_dir
    with StandardError() as listener:
        servers = bring_up(where, Wanted(kafka_port, redis_port, default_cache(), attached=False), listener)
        listener.say(f"`lifecycle down --data-dir {where}` stops them")
    addresses = {server.setting: server.address for server in servers}
    if as_json:
        typer.echo(json.dumps(addresses))
    else:
        typer.echo("\n".join(f"{key}={value}" for key, value in addresses.items()))

"""`lifecycle republish`: rebuilds everything in Redis from the workers' tables."""

import asyncio
import logging
from typing import Annotated

import msgspec
import typer

from stream_app.control import control
from stream_app.options import AsJson, ConfigFile, Kafka, Lifecycles, Redis
from stream_app.progress_display import ProgressDisplay
from stream_app.redis_connection import connect
from stream_app.redis_keys import keys_of
from stream_app.redis_sink import RedisSink
from stream_app.republishing import Republished, republish_all
from stream_app.scoring import load_lifecycles
from stream_app.settings import Settings, load_settings


def republish(
    config: ConfigFile = None,
    kafka: Kafka = None,
    redis: Redis = None,
    lifecycle: Lifecycles = None,
    timeout: Annotated[float, typer.Option(min=1, help="Give up after so many seconds of silence.")] = 60.0,
    as_json: AsJson = False,
) -> None:
    """Rebuild everything in Redis from the workers' tables, while they go on working.

    Workers must be running. Present states replace what Redis holds, stage counts are counted anew, and the
    result is checked. The stream of stage changes is not rebuilt: it says what happened, not what is.
    """
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    settings = load_settings(config, kafka=kafka, redis=redis, lifecycles=lifecycle)
    names = [one.name for one in load_lifecycles(settings.lifecycles)]
    result = asyncio.run(_republish(settings, names, timeout))
    if as_json:
        typer.echo(msgspec.json.encode(result).decode())
        return
    typer.echo(
        f"{result.states} states from {result.partitions} partitions, {result.checked} checked in Redis"
    )
    for name, customers in result.customers.items():
        typer.echo(f"{name}: {customers} customers in the stage counts")


async def _republish(settings: Settings, lifecycles: list[str], timeout_s: float) -> Republished:
    client = connect(settings.redis)
    try:
        async with control(settings) as workers:
            await workers.listen()
            with ProgressDisplay("republishing") as display:

                def show(done: int, total: int, states: int) -> None:
                    display.show(done, total, f"{done} of {total} partitions, {states:,} states")

                sink = RedisSink(client, settings.redis_prefix, lifecycles)
                keys = keys_of(settings.redis_prefix, lifecycles)
                return await republish_all(workers, client, sink, keys, timeout_s, show)
    finally:
        await client.aclose()

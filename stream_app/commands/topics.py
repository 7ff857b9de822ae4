"""`lifecycle topics`: creates or checks every topic."""

import asyncio
import json
import logging
from typing import Annotated

import typer

from stream_app.kafka_clients import client_options
from stream_app.options import AsJson, ConfigFile, Kafka
from stream_app.settings import load_settings
from stream_app.topic_admin import ensure
from stream_app.topics import declare


def topics(
    config: ConfigFile = None,
    kafka: Kafka = None,
    partitions: Annotated[
        int | None,
        typer.Option(min=1, help="Partitions of the source topics, the same for all.", show_default=False),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Create every topic that is missing, and check those that exist.

    A topic whose partition count, cleanup policy, retention or message size contradicts what the service
    needs is refused, with what to do; nothing is created or changed then. Partition counts are never changed:
    they decide which customer is where.
    """
    # What goes wrong is reported once, in one line, with what to do.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    settings = load_settings(
        config, kafka=kafka, topics=None if partitions is None else {"partitions": partitions}
    )
    wanted = declare(settings)
    created = asyncio.run(ensure(settings.kafka, wanted, client_options(settings)))
    if as_json:
        typer.echo(
            json.dumps({topic.name: {**topic.facts, "created": topic.name in created} for topic in wanted})
        )
        return
    for topic in wanted:
        done = "created" if topic.name in created else "present"
        typer.echo(f"{topic.name}  {done}, {topic.partitions} partitions, {topic.summary}")

"""`lifecycle topics`: creates or checks every topic."""

import asyncio
import json
import logging
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from stream_app.kafka_clients import client_options
from stream_app.options import AsJson, ConfigFile, Kafka
from stream_app.settings import Settings, load_settings
from stream_app.topic_admin import ensure, existing
from stream_app.topics import Topic, declare


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
    they decide which customer is where. How long records are kept is told as Kafka has it: longer than declared
    is accepted.
    """
    # What goes wrong is reported once, in one line, with what to do.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    settings = load_settings(
        config, kafka=kafka, topics=None if partitions is None else {"partitions": partitions}
    )
    wanted = declare(settings)
    created, found = asyncio.run(_ensured(settings, wanted))
    if as_json:
        typer.echo(json.dumps({one.name: _facts(one, found[one.name], created) for one in wanted}))
        return
    for topic in wanted:
        done = "created" if topic.name in created else "present"
        there = found[topic.name]
        declared = "" if there.summary == topic.summary else f" (declared: {topic.summary})"
        typer.echo(f"{topic.name}  {done}, {there.partitions} partitions, {there.summary}{declared}")


async def _ensured(settings: Settings, wanted: Sequence[Topic]) -> tuple[frozenset[str], Mapping[str, Topic]]:
    """Names of the topics that were created, and all of them as Kafka has them now."""
    options = client_options(settings)
    created = await ensure(settings.kafka, wanted, options)
    return created, await existing(settings.kafka, wanted, options)


def _facts(topic: Topic, found: Topic, created: frozenset[str]) -> dict[str, Any]:
    return {
        **found.facts,
        "declared_retention_ms": topic.retention_ms,
        "created": topic.name in created,
    }

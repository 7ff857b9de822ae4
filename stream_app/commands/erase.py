"""`lifecycle erase`: forgets one customer everywhere, and proves it."""

import asyncio
import logging
from typing import Annotated, Any

import msgspec
import typer

from stream_app.aliases import customer_of
from stream_app.control import control
from stream_app.errors import Misconfigured
from stream_app.forgetting import Forgotten, forget_customer
from stream_app.kafka_clients import client_options
from stream_app.options import AsJson, ConfigFile, Kafka, Lifecycles, Redis
from stream_app.redis_connection import connect
from stream_app.redis_keys import keys_of
from stream_app.scoring import load_lifecycles
from stream_app.settings import Settings, load_settings
from stream_app.topic_admin import existing
from stream_app.topics import changelog_name, declare


def erase(
    customer: Annotated[
        str, typer.Argument(metavar="CUSTOMER", help="Customer id, or an id merged into one.")
    ],
    config: ConfigFile = None,
    kafka: Kafka = None,
    redis: Redis = None,
    lifecycle: Lifecycles = None,
    timeout: Annotated[float, typer.Option(min=1, help="Seconds to wait for the worker.")] = 30.0,
    as_json: AsJson = False,
) -> None:
    """Forget one customer in the workers' table, in Redis and in pending labels, and prove it.

    All ids of the customer are forgotten, whichever of them is given. A worker must be running. What Kafka may
    hold until its retention ends is said, not hidden.
    """
    if not customer.strip():
        raise Misconfigured("CUSTOMER is empty: give the id of the customer to forget")
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    settings = load_settings(config, kafka=kafka, redis=redis, lifecycles=lifecycle)
    names = [one.name for one in load_lifecycles(settings.lifecycles)]
    held = asyncio.run(_still_held(settings))  # first: what cannot be said completely is not begun
    proof = asyncio.run(_erase(settings, names, customer, timeout))
    if as_json:
        typer.echo(msgspec.json.encode({**msgspec.to_builtins(proof), "kafka_may_hold": held}).decode())
        return
    for line in _lines(proof, changelog_name(settings)):
        typer.echo(line)
    typer.echo("Kafka may hold older records of this customer, which cannot be taken out one by one:")
    for topic, until in held.items():
        typer.echo(f"  {topic}: {until}")


async def _erase(settings: Settings, lifecycles: list[str], customer: str, timeout_s: float) -> Forgotten:
    client = connect(settings.redis)
    try:
        customer = await customer_of(client, settings.redis_prefix, customer)
        async with control(settings) as workers:
            await workers.listen(customer)
            keys, changelog = keys_of(settings.redis_prefix, lifecycles), changelog_name(settings)
            return await forget_customer(workers, client, keys, changelog, customer, timeout_s)
    finally:
        await client.aclose()


def _lines(proof: Forgotten, changelog: str) -> list[str]:
    lines = [f"Redis: nothing of {proof.customer} in {', '.join(proof.redis_keys)}"]
    if proof.known:
        lines.append(
            f"table: the newest record in {changelog}, partition {proof.partition}, is a closed value: "
            f"no counts, no times, no pending labels; offsets and version {proof.changelog_version} stay, "
            "so that old records do not come back"
        )
    else:
        lines.append(f"table: {changelog}, partition {proof.partition}, has no record of this customer")
    return lines


async def _still_held(settings: Settings) -> dict[str, Any]:
    """By topic that exists, for how long older records of a customer may still lie there: as Kafka has it."""
    own = {f"{settings.topic_prefix}{name}" for name in ("training", "models")}  # name no customer
    named = [topic for topic in declare(settings) if topic.name not in own]
    found = await existing(settings.kafka, named, client_options(settings))
    held = {name: topic.summary for name, topic in found.items()}
    held[changelog_name(settings)] = "older values until compaction, an hour or two"
    return held

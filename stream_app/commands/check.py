"""``lifecycle check``: is everything configured as it must be, and what holds?"""

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from state import catalogue
from stream_app.errors import Misconfigured, WorkFailed
from stream_app.event_names import load_measures
from stream_app.options import AsJson, ConfigFile, Kafka, Lifecycles, Redis
from stream_app.resolved import as_toml, resolved
from stream_app.scoring import load_lifecycles
from stream_app.setting_schema import schema
from stream_app.settings import Settings, load_settings

if TYPE_CHECKING:
    from scorers.lifecycle import Lifecycle


def check(
    config: ConfigFile = None,
    kafka: Kafka = None,
    redis: Redis = None,
    lifecycle: Lifecycles = None,
    features: Annotated[
        bool, typer.Option("--features", help="Print the feature catalogue instead.")
    ] = False,
    reachable: Annotated[
        bool, typer.Option("--reachable", help="Also ask whether Kafka and Redis answer.")
    ] = False,
    schema_only: Annotated[
        bool, typer.Option("--schema", help="Print the JSON schema of the configuration file instead.")
    ] = False,
    sample: Annotated[
        Path | None,
        typer.Option(
            "--sample",
            metavar="FILE",
            help="Print instead which events a payload becomes: a body as it was sent, or an .http file with headers "
            "before it. Needs --source.",
            show_default=False,
        ),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(
            "--source",
            metavar="NAME_OR_FILE",
            help="Who sent the sample: one of config/sources/, or a .toml file.",
            show_default=False,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Validate the configuration, the lifecycle files and the measures file, and print what holds.

    Secrets are redacted. Nothing is consumed, created or changed.
    """
    if sample is not None or source is not None:
        _try_sample(load_settings(config), sample, source, as_json=as_json)
        return
    if schema_only:
        typer.echo(json.dumps(schema(), indent=2))
        return
    if features:
        _print_features(as_json=as_json)
        return
    settings = load_settings(config, kafka=kafka, redis=redis, lifecycles=lifecycle)
    _check_webhooks(settings)
    _check_destinations(settings)
    _check_redis(settings)
    lifecycles = load_lifecycles(settings.lifecycles)
    event_names = len(load_measures(settings).names())
    services = asyncio.run(_ask_services(settings)) if reachable else {}
    stages = {one.name: _described(one) for one in lifecycles}
    if as_json:
        document = {"settings": resolved(settings), "lifecycles": stages, "event_names": event_names}
        typer.echo(json.dumps(document | ({"services": services} if reachable else {}), indent=2))
        return
    typer.echo(as_toml(resolved(settings)))
    for name, facts in stages.items():
        typer.echo(f"# lifecycle {name}: {' > '.join(facts['stages'])}")
    typer.echo(f"# event names: {event_names} in {settings.events.measures_file}")
    for name, said in services.items():
        typer.echo(f"# {name}: {said}")


def _check_redis(settings: Settings) -> None:
    """Understand the URL as a worker would, without connecting.

    Raises:
        Misconfigured: If it cannot be understood.
    """
    from stream_app.redis_connection import connect  # noqa: PLC0415 - the client is slow to import

    connect(settings.redis)


def _check_webhooks(settings: Settings) -> None:
    """Read the source files that the gateway would read.

    Raises:
        Misconfigured: If one is wrong.
    """
    if settings.gateway.webhooks:
        from stream_app.gateway.source_file import load_source  # noqa: PLC0415 - only who has webhooks waits for it

        for name, webhook in settings.gateway.webhooks.items():
            load_source(webhook.source or name)


def _check_destinations(settings: Settings) -> None:
    """Read the files of the destinations that `lifecycle deliver` would tell, their variables included.

    Raises:
        Misconfigured: If one is wrong.
    """
    if settings.destinations:
        from stream_app.delivery.destination import load_destinations  # noqa: PLC0415 - only who has any waits for it

        load_destinations(settings.destinations)


def _try_sample(settings: Settings, sample: Path | None, source: str | None, *, as_json: bool) -> None:
    """Print what a payload becomes.

    Raises:
        Misconfigured: If a file is wrong, or only one of them is named.
        WorkFailed: If no event comes of it, or one is refused.
    """
    from stream_app.gateway.sample import try_sample  # noqa: PLC0415 - only those who try one wait for it

    if sample is None or source is None:
        raise Misconfigured("--sample FILE and --source NAME_OR_FILE belong together; give both")
    outcomes = try_sample(settings, sample, source)
    if as_json:
        typer.echo(json.dumps([each.facts for each in outcomes], indent=2))
    else:
        for each in outcomes:
            typer.echo(each.line)
    refused = sum(each.refusal is not None for each in outcomes)
    if refused or not any(each.event is not None for each in outcomes):
        said = (
            f"{refused} of {len(outcomes)} payloads refused" if refused else "no rule applies to any payload"
        )
        raise WorkFailed(f"{sample}: {said}; correct the rules of source {source}")


def _described(lifecycle: "Lifecycle") -> dict[str, Any]:
    return {
        "stages": list(lifecycle.stage_names),
        "features": list(lifecycle.features),
        "fingerprint": lifecycle.fingerprint,
    }


def _print_features(*, as_json: bool) -> None:
    known = catalogue()
    if as_json:
        typer.echo(
            json.dumps([{name: getattr(one, name) for name in one.__struct_fields__} for one in known])
        )
        return
    for one in known:
        typer.echo(f"{one.name}  [{one.unit}]\n    {one.meaning}\n    from: {one.source}")


async def _ask_services(settings: Settings) -> dict[str, str]:
    """Ask both services, and say what they are.

    Raises:
        Unavailable: If one of them does not answer.
    """
    from stream_app.reachability import kafka_version, redis_version  # noqa: PLC0415 - clients are slow to import

    return {"kafka": await kafka_version(settings), "redis": await redis_version(settings)}

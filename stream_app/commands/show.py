"""`lifecycle show`: what Redis serves for one customer, and its recent journey."""

import asyncio
import logging
from typing import Annotated

import msgspec
import typer
from rich.text import Text

from scorers.lifecycle import Lifecycle
from stream_app.aliases import customer_of
from stream_app.errors import WorkFailed
from stream_app.explaining import Why, why
from stream_app.options import AsJson, ConfigFile, DataDir, Kafka, Lifecycles, Redis
from stream_app.printing import Printer, facts, rows
from stream_app.redis_connection import connect
from stream_app.redis_keys import keys_of
from stream_app.scoring import load_lifecycles
from stream_app.served import Served, read_served
from stream_app.settings import Settings, load_settings


def show(
    customer: Annotated[
        str, typer.Argument(metavar="CUSTOMER", help="Customer id, or an id merged into one.")
    ],
    config: ConfigFile = None,
    redis: Redis = None,
    lifecycle: Lifecycles = None,
    steps: Annotated[int, typer.Option(min=0, help="Stage changes of the journey to show.")] = 20,
    explained: Annotated[
        bool, typer.Option("--why/--no-why", help="What moved the churn risk; read from Kafka.")
    ] = True,
    kafka: Kafka = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Show what Redis serves for one customer, its recent journey, and what moved its churn risk most.

    An id that was merged into a customer is followed. Exit code 1 if Redis does not know the customer.
    """
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    settings = load_settings(config, kafka=kafka, redis=redis, data_dir=data_dir, lifecycles=lifecycle)
    lifecycles = load_lifecycles(settings.lifecycles)
    names = [one.name for one in lifecycles]
    found_as, found = asyncio.run(_read(settings, names, customer, steps))
    if not found:
        raise WorkFailed(
            f"Redis knows no customer {customer!r}: check the id, or `lifecycle republish` if data is lost"
        )
    reasons = asyncio.run(why(settings, found_as)) if explained else "not asked for"
    if as_json:
        told = (
            {"why": None, "why_not": reasons}
            if isinstance(reasons, str)
            else {"why": reasons, "why_not": None}
        )
        typer.echo(msgspec.json.encode({"customer_id": found_as, "lifecycles": found, **told}).decode())
        return
    if found_as != customer:
        typer.echo(f"{customer} belongs to {found_as}")
    compiled = {one.name: one for one in lifecycles}
    console = Printer()
    for served in found:
        _print(console, found_as, served, compiled[served.lifecycle])
        if explained:
            _print_why(console, reasons, served.lifecycle)


async def _read(
    settings: Settings, lifecycles: list[str], asked: str, steps: int
) -> tuple[str, list[Served]]:
    """Whose id it is, and what is served for that customer."""
    client = connect(settings.redis)
    try:
        customer = await customer_of(client, settings.redis_prefix, asked)
        keys = keys_of(settings.redis_prefix, lifecycles)
        read = [await read_served(client, one, name, customer, steps) for name, one in keys.items()]
    finally:
        await client.aclose()
    return customer, [served for served in read if served is not None]


def _print(console: Printer, customer: str, served: Served, lifecycle: Lifecycle) -> None:
    fields = served.fields
    actions = next((stage.actions for stage in lifecycle.stages if stage.name == fields["stage"]), ())
    told = facts()
    told.add_row("stage", f"{fields['stage']} since {fields.get('since', '')}, {fields.get('reason', '')}")
    told.add_row("churn risk", _risk(fields.get("churn_risk", ""), served.rank))
    told.add_row("next", _next(fields))
    told.add_row("value segment", fields.get("value_segment") or "unknown")
    told.add_row("actions", "; ".join(actions) or fields.get("recommended_action") or "none")
    told.add_row("version", f"{fields.get('version', '')}, cycle {fields.get('cycle', '')}")
    console.print(f"{customer} in {served.lifecycle}", style="bold")
    console.print(told)
    if served.journey:
        journey = rows("when", "from", "to", "reason", "churn risk")
        for step in served.journey:
            before, risk = step.get("previous_stage") or "", step.get("churn_risk")
            risk = "" if risk is None else f"{risk:.3f}"
            journey.add_row(step.get("event_time", ""), before, step["stage"], step.get("reason", ""), risk)
        console.print(journey)


def _print_why(console: Printer, reasons: Why | str, lifecycle: str) -> None:
    if isinstance(reasons, str):
        console.print(f"why: unknown ({reasons})")
        return
    told = reasons.by_lifecycle.get(lifecycle)
    if told is None:
        console.print("why: nothing to lose, the customer was never active or has cancelled")
        return
    learned = (
        f"{told.share:.0%} learned from {told.labels:,} labels" if told.labels else "no labels learned yet"
    )
    console.print(Text.assemble((f"why {told.churn_risk:.3f}", "bold"), f" as of {reasons.as_of}, {learned}"))
    worth = f" {told.value:,.2f} by the horizon of value, {told.value_year:,.2f} within a year"
    console.print(Text.assemble(("worth", "bold"), worth))
    for reason in told.reasons:
        console.print(f"  {'▲' if reason.log_odds > 0 else '▼'} {reason.text} ({reason.log_odds:+.2f})")


def _risk(risk: str, rank: int | None) -> str:
    if not risk:
        return "unknown"
    return f"{float(risk):.3f}" + ("" if rank is None else f", {rank} of those to save first")


def _next(fields: dict[str, str]) -> str:
    chance = fields.get("next_stage_probability")
    if not fields.get("next_stage"):
        return "unknown"
    return fields["next_stage"] + (f" with probability {float(chance):.3f}" if chance else "")

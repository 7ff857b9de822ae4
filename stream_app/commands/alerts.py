"""`lifecycle alerts`: who is about to leave, why, and who takes care of it."""

import asyncio
import time
from enum import StrEnum
from typing import Annotated, Any, NamedTuple

import msgspec
import typer
from rich.table import Table

from state import format_instant
from stream_app.errors import Misconfigured, WorkFailed
from stream_app.options import AsJson, ConfigFile, Lifecycles, Redis
from stream_app.printing import Printer, facts, rows
from stream_app.redis_alerts import Alert, AlertBook
from stream_app.redis_connection import connect
from stream_app.scoring import load_lifecycles
from stream_app.settings import Settings, load_settings
from stream_app.user import user


class Action(StrEnum):
    """What to do with alerts."""

    LIST = "list"
    SHOW = "show"
    ACK = "ack"


class _Asked(NamedTuple):
    action: Action
    customer: str | None
    lifecycles: list[str]
    limit: int
    waiting: bool
    by: str
    note: str


def alerts(
    action: Annotated[Action, typer.Argument(help="What to do.")] = Action.LIST,
    customer: Annotated[
        str | None, typer.Argument(metavar="[CUSTOMER]", help="Customer id, for show and ack.")
    ] = None,
    config: ConfigFile = None,
    redis: Redis = None,
    lifecycle: Lifecycles = None,
    limit: Annotated[int, typer.Option(min=1, help="Alerts to list, the newest first.")] = 50,
    waiting: Annotated[
        bool, typer.Option("--waiting", help="Only alerts that nobody has acknowledged.")
    ] = False,
    by: Annotated[
        str | None, typer.Option(help="Who acknowledges; by default the user of this process.")
    ] = None,
    note: Annotated[str, typer.Option(help="What is being done, kept with the acknowledgement.")] = "",
    as_json: AsJson = False,
) -> None:
    """List the churn alerts that stand, show one with its reasons, or acknowledge one.

    Exit code 1 if there is no alert about the customer.
    """
    settings = load_settings(config, redis=redis, lifecycles=lifecycle)
    names = [one.name for one in load_lifecycles(settings.lifecycles)]
    if (customer is None) != (action is Action.LIST):
        wrong = "takes no" if customer else "needs a"
        raise Misconfigured(f"`lifecycle alerts {action.value}` {wrong} customer id")
    asked = _Asked(action, customer, names, limit, waiting, by or user(), note)
    found = asyncio.run(_found(settings, asked))
    if as_json:
        told = [{**alert.fields, "acknowledged": alert.acknowledged} for alert in found]
        typer.echo(msgspec.json.encode(told).decode())
    elif customer is None:
        Printer().print(_listed(found))
    else:
        for alert in found:
            Printer().print(_shown(alert))


async def _found(settings: Settings, asked: _Asked) -> list[Alert]:
    client = connect(settings.redis)
    try:
        book = AlertBook(client, settings.redis_prefix, asked.lifecycles)
        if asked.customer is None:
            return await _standing(book, asked)
        if asked.action is Action.ACK:
            await _acknowledge(book, asked, asked.customer)
        known = [await book.find(name, asked.customer) for name in asked.lifecycles]
    finally:
        await client.aclose()
    if not any(known):
        raise WorkFailed(
            f"no alert about {asked.customer!r} is known: `lifecycle alerts` lists those that stand"
        )
    return [alert for alert in known if alert is not None]


async def _standing(book: AlertBook, asked: _Asked) -> list[Alert]:
    """The newest alerts of all lifecycles together."""
    found = [
        alert
        for name in asked.lifecycles
        for alert in await book.standing(name, asked.limit, waiting=asked.waiting)
    ]
    return sorted(found, key=lambda alert: str(alert.fields.get("raised_at")), reverse=True)[: asked.limit]


async def _acknowledge(book: AlertBook, asked: _Asked, customer: str) -> None:
    at = format_instant(time.time_ns() // 1000)
    taken = [await book.acknowledge(name, customer, asked.by, at, asked.note) for name in asked.lifecycles]
    if not any(taken):
        raise WorkFailed(f"no alert about {customer!r} stands: `lifecycle alerts` lists those that do")


def _listed(found: list[Alert]) -> Table:
    table = rows("customer", "risk", "value", "stage", "since", "reason", "taken care of")
    for alert in found:
        told, taken = alert.fields, alert.acknowledged
        reasons = told.get("reasons") or [{"text": ""}]
        table.add_row(
            told["customer_id"], _risk(told), told.get("value_segment", ""), told.get("stage", ""),
            told.get("raised_at", ""), reasons[0]["text"], f"{taken['by']}, {taken['at']}" if taken else "nobody yet",
        )  # fmt: skip
    return table


def _shown(alert: Alert) -> Table:
    told, taken = alert.fields, alert.acknowledged
    shown = facts()
    shown.add_row("customer", f"{told['customer_id']} in {told['lifecycle']}")
    shown.add_row("alert", f"{told['status']}, raised {told.get('raised_at', '')}, version {told['version']}")
    shown.add_row("churn risk", _risk(told))
    shown.add_row("worth", f"{told.get('value_segment', '')}, {told.get('revenue', 0):,.2f} so far")
    shown.add_row("stage", told.get("stage", ""))
    for at, reason in enumerate(told.get("reasons") or []):
        shown.add_row("" if at else "because", reason["text"])
    shown.add_row("do", told.get("recommended_action") or "nothing is recommended for this stage")
    shown.add_row(
        "taken care of", f"by {taken['by']} since {taken['at']} {taken['note']}" if taken else "nobody yet"
    )
    return shown


def _risk(told: dict[str, Any]) -> str:
    risk = told.get("churn_risk")
    return "unknown" if risk is None else f"{risk:.3f}"

"""At risk: whom to save first, by risk times value, with reasons and what to do."""

from typing import Any

import orjson

from stream_app.console.asked import Asked, address
from stream_app.console.context import Context
from stream_app.console.page import Figure, Page
from stream_app.console.tables import Column, Link, Table
from stream_app.console.transitions import pages

__all__ = ["at_risk"]

_ORDERS = {"stake": "standing.at_stake DESC", "risk": "standing.risk DESC", "alerts": "alert.at DESC"}


def at_risk(context: Context, asked: Asked) -> Page:
    """Build the view."""
    order = asked.values.get("sort", "stake")
    order = order if order in _ORDERS else "stake"
    found = _found(context, asked, order)
    standing = context.store.rows(
        "SELECT count(*) FROM alert WHERE lifecycle = ? AND status = 'raised'", asked.lifecycle
    )[0][0]
    scoring = context.settings.scoring
    return Page(
        title="At risk",
        lead="Whom to save first: churn risk times revenue so far. Customers in a lost stage are left out.",
        figures=[
            Figure(
                "Alerts standing",
                f"{standing:,}",
                "customers whose risk crossed the threshold",
                "bad" if standing else "",
            ),
            Figure(
                "Alert above",
                f"{scoring.alert_threshold:.2f}",
                f"resolved {scoring.alert_hysteresis:.2f} below; [scoring] in the configuration",
            ),
        ],
        tables={"risk": _table(context, asked, found[: asked.rows])},
        values={
            "pages": pages("/risk", asked, has_more=len(found) > asked.rows),
            "sorts": [
                (name, address("/risk", asked.here(sort=key)), key == order)
                for key, name in {
                    "stake": "risk times value",
                    "risk": "risk",
                    "alerts": "newest alert",
                }.items()
            ],
            "stages": [
                (
                    name or "all stages",
                    address("/risk", asked.here(stage=name)),
                    asked.values.get("stage", "") == name,
                )
                for name in ("", *context.stages(asked.lifecycle))
            ],
        },
        template="risk.html",
    )


def _found(context: Context, asked: Asked, order: str) -> list[tuple[Any, ...]]:
    stage = asked.values.get("stage", "")
    join = "JOIN" if order == "alerts" else "LEFT JOIN"
    wanted, values = ["standing.lifecycle = ?", "standing.at_stake > 0"], [asked.lifecycle]
    if stage:
        wanted[1:] = ["standing.stage = ?", "standing.risk IS NOT NULL"]
        values.append(stage)
    if order == "alerts":
        wanted.append("alert.status = 'raised'")
    question = (
        "SELECT standing.customer, standing.stage, risk, revenue, at_stake, segment, next_stage, next_p, action, "  # noqa: S608 - words of this module
        f"alert.reasons, alert.status FROM standing {join} alert ON alert.lifecycle = standing.lifecycle "
        f"AND alert.customer = standing.customer WHERE {' AND '.join(wanted)} ORDER BY {_ORDERS[order]} LIMIT ? OFFSET ?"
    )
    return context.store.rows(question, *values, asked.rows + 1, asked.skipped)


def _table(context: Context, asked: Asked, found: list[tuple[Any, ...]]) -> Table:
    rows = []
    for customer, stage, risk, revenue, stake, segment, next_stage, chance, action, reasons, status in found:
        told = "; ".join(orjson.loads(reasons)) if reasons else ""
        rows.append(
            [
                Link(customer, address("/customer", {"lifecycle": asked.lifecycle, "id": customer})),
                stage,
                risk,
                revenue,
                stake,
                segment,
                f"{next_stage} ({chance:.0%})" if next_stage and chance else next_stage,
                told or None,
                "; ".join(context.actions(asked.lifecycle, stage)) or action,
                status,
            ]
        )
    return Table(
        "Whom to save first",
        (
            Column("customer"),
            Column("stage"),
            Column("risk", "number"),
            Column("revenue", "amount"),
            Column("at stake", "amount"),
            Column("segment"),
            Column("next"),
            Column("why"),
            Column("what to do"),
            Column("alert"),
        ),
        rows,
        "Nobody here has a risk and a revenue yet.",
        "Why: what an alert said. Each customer's page explains the risk of this moment.",
    )

"""At risk: whom to save first, by risk times value, with reasons and what to do."""

from dataclasses import replace
from operator import itemgetter
from typing import NamedTuple

import orjson

from scorers.durations import format_duration
from state import format_instant
from stream_app.console.asked import Asked, address
from stream_app.console.context import Context
from stream_app.console.page import Figure, Page
from stream_app.console.tables import Column, Link, Table
from stream_app.console.transitions import pages
from stream_app.console.written import written

__all__ = ["at_risk", "first_to_save", "standing_alerts"]

_ORDERS = {"stake": "standing.at_stake DESC", "risk": "standing.risk DESC", "alerts": "alert.at DESC"}
_ORDER_NAMES = {"stake": "most at stake", "risk": "highest risk", "alerts": "newest alert"}


class _Endangered(NamedTuple):
    """A customer, as the store has it."""

    customer: str
    stage: str
    risk: float | None
    revenue: float
    stake: float
    segment: str | None
    next_stage: str | None
    chance: float | None
    action: str | None
    reasons: str | None
    status: str | None
    alerted: int | None


def at_risk(context: Context, asked: Asked) -> Page:
    """Build the view."""
    order = asked.values.get("sort", "stake")
    order = order if order in _ORDERS else "stake"
    found = _found(context, asked, order, asked.rows + 1)
    standing = standing_alerts(context, asked.lifecycle)
    return Page(
        title="At risk",
        lead="Whom to save first: at stake is churn risk times revenue so far. Customers in a lost stage are left out.",
        figures=[
            Figure(
                "Alerts standing",
                f"{standing:,}",
                "customers whose risk crossed the threshold",
                "bad" if standing else "good",
                address("/risk", asked.here(sort="alerts")),
            ),
        ],
        tables={"risk": _table(context, asked, found[: asked.rows]), "settings": _settings(context)},
        values={
            "pages": pages("/risk", asked, has_more=len(found) > asked.rows),
            "sorts": [
                (name, address("/risk", asked.here(sort=key)), key == order)
                for key, name in _ORDER_NAMES.items()
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


def standing_alerts(context: Context, lifecycle: str) -> int:
    """How many customers an alert stands about."""
    question = "SELECT count(*) FROM alert WHERE lifecycle = ? AND status = 'raised'"
    return int(context.store.rows(question, lifecycle)[0][0])


def first_to_save(context: Context, asked: Asked, most: int) -> Table:
    """The few with the most at stake, in short."""
    everything = replace(asked, values={}, page=1)
    rows = [
        [
            Link(one.customer, address("/customer", {"lifecycle": asked.lifecycle, "id": one.customer})),
            one.stage, one.risk, one.stake, "; ".join(context.actions(asked.lifecycle, one.stage)[:1]) or one.action,
        ]
        for one in _found(context, everything, "stake", most)
    ]  # fmt: skip
    return Table(
        "Whom to save first",
        (
            Column("customer", "id"), Column("stage"), Column("churn risk", "share"), Column("at stake", "amount"),
            Column("what to do"),
        ),
        rows,
        "Nobody has a risk and a revenue yet.",
        "At stake is churn risk times revenue so far. A customer's page says why; At risk lists all.",
    )  # fmt: skip


def _found(context: Context, asked: Asked, order: str, most: int) -> list[_Endangered]:
    stage = asked.values.get("stage", "")
    wanted, values = ["standing.lifecycle = ?"], [asked.lifecycle]
    if stage:
        wanted += ["standing.stage = ?", "standing.risk IS NOT NULL"]
        values.append(stage)
    else:
        # The plus keeps SQLite from sorting everybody with something at stake when it can walk along another index.
        wanted.append("standing.at_stake > 0" if order == "stake" else "+standing.at_stake > 0")
    tables = "standing LEFT JOIN alert USING (lifecycle, customer)"
    if order == "alerts":
        tables = "alert CROSS JOIN standing USING (lifecycle, customer)"
        wanted += ["alert.lifecycle = ?", "alert.status = 'raised'"]
        values.append(asked.lifecycle)
    question = (
        "SELECT standing.customer, standing.stage, risk, revenue, at_stake, segment, next_stage, next_p, action, "  # noqa: S608 - words of this module
        f"alert.reasons, alert.status, alert.at FROM {tables} WHERE {' AND '.join(wanted)} "
        f"ORDER BY {_ORDERS[order]} LIMIT ? OFFSET ?"
    )
    return [_Endangered(*row) for row in context.store.rows(question, *values, most, asked.skipped)]


def _table(context: Context, asked: Asked, found: list[_Endangered]) -> Table:
    rows = []
    for one in found:
        there = address("/customer", {"lifecycle": asked.lifecycle, "id": one.customer})
        chance = written(one.chance, "share")
        told = "; ".join(orjson.loads(one.reasons)) if one.reasons else ""
        raised = one.status == "raised" and one.alerted
        rows.append(
            [
                Link(one.customer, there),
                one.stage,
                one.risk,
                one.revenue,
                one.stake,
                one.segment,
                f"{one.next_stage} ({chance})" if one.next_stage and one.chance else one.next_stage,
                told or Link("explain", f"{there}#why"),
                "; ".join(context.actions(asked.lifecycle, one.stage)) or one.action,
                format_instant(one.alerted) if raised and one.alerted else None,
            ]
        )
    return Table(
        "Whom to save first",
        (
            Column("customer", "id"),
            Column("stage"),
            Column("risk", "share"),
            Column("revenue", "amount"),
            Column("at stake", "amount"),
            Column("value"),
            Column("next stage"),
            Column("why", "words"),
            Column("what to do", "words"),
            Column("alert since", "time"),
        ),
        rows,
        "Nobody here has a risk and a revenue yet.",
        "Why: what the alert said when it was raised; each customer's page explains the risk of this moment.",
    )


def _settings(context: Context) -> Table:
    scoring = context.settings.scoring
    rows = []
    for segment, least in sorted(context.settings.value_segments.items(), key=itemgetter(1)):
        threshold = scoring.alert_thresholds.get(segment, scoring.alert_threshold)
        rows.append(
            [
                segment,
                least,
                threshold,
                max(0.0, threshold - scoring.alert_hysteresis),
                format_duration(scoring.alert_cool_down),
            ]
        )
    return Table(
        "When an alert is raised",
        (
            Column("value"),
            Column("from revenue", "amount"),
            Column("raised at a risk of", "share"),
            Column("over below", "share"),
            Column("at most one in"),
        ),
        rows,
        note="Set by alert_threshold, alert_thresholds, alert_hysteresis and alert_cool_down of [scoring], and by "
        "value_segments. `lifecycle alerts ack CUSTOMER` tells others that somebody takes care.",
    )

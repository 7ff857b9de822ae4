"""One customer: stage, risk, next stage, value; the journey with reasons; why the model says so; what to do next."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from scorers.durations import format_duration
from state import format_instant
from stream_app.console.asked import Asked, address
from stream_app.console.charts import lines
from stream_app.console.context import Context
from stream_app.console.page import Chart, Figure, Page
from stream_app.console.store import Row
from stream_app.console.tables import Column, Table
from stream_app.console.timeline import moves_of, timeline
from stream_app.console.written import written
from stream_app.explaining import Why
from stream_app.redis_alerts import AlertBook
from stream_app.redis_connection import RedisUnavailable
from stream_app.redis_keys import alias_key, keys_of
from stream_app.served import Served, read_served

__all__ = ["LONGEST_ID", "Looked", "customer", "looked_up", "why_table"]

LONGEST_ID = 512


class Looked(NamedTuple):
    """What Redis says about an id.

    Attributes:
        meant: The customer who was meant; an alias is followed.
        served: The hash; None when there is none.
        taken: Who takes care of the alert about the customer, since when, with which note.
        trouble: Why Redis says nothing; empty while it answers.
    """

    meant: str
    served: Served | None = None
    taken: Mapping[str, str] | None = None
    trouble: str = ""


async def looked_up(context: Context, lifecycle: str, wanted: str) -> Looked:
    """Ask Redis; an empty id is nobody's."""
    if not wanted:
        return Looked("")
    prefix, names = context.settings.redis_prefix, context.names
    keys = keys_of(prefix, names)[lifecycle]
    try:
        found = await read_served(context.redis, keys, lifecycle, wanted, 0)
        if found is None:
            alias: Any = await context.redis.get(alias_key(prefix, wanted))
            if alias:
                wanted = alias.decode()
                found = await read_served(context.redis, keys, lifecycle, wanted, 0)
        alert = await AlertBook(context.redis, prefix, names).find(lifecycle, wanted)
    except RedisUnavailable as error:
        return Looked(wanted, trouble=error.sentence)
    return Looked(wanted, found, alert.acknowledged if alert else None)


def customer(context: Context, asked: Asked, looked: Looked) -> Page:
    """Build the view."""
    meant, found, trouble = looked.meant, looked.served, looked.trouble
    if not meant:
        return Page(
            "Customer",
            "Search by the id that your events carry; an anonymous id leads to whom it belongs.",
            template="customer.html",
            values=_nobody(context, asked),
        )
    fields = dict(found.fields) if found else _remembered(context, asked.lifecycle, meant)
    if not fields:
        said = f"{meant} is not known in {asked.lifecycle}: is the id written as in the events?"
        return Page(
            "Customer",
            trouble or said,
            template="customer.html",
            values={**_nobody(context, asked), "id": meant},
        )
    moves = moves_of(context.store, asked.lifecycle, meant)
    return Page(
        title=f"Customer {meant}",
        lead=f"{trouble}. Shown is what the console remembers."
        if trouble
        else _in_words(context, asked, fields),
        figures=_figures(context, asked, fields, None if found is None else found.rank),
        charts=_risks(moves),
        tables={"timeline": timeline(moves, []), "fields": _fields(fields)},
        values={
            "id": meant,
            "actions": context.actions(asked.lifecycle, fields["stage"]) or _recommended(fields),
            "alert": _alert(context, asked.lifecycle, meant),
            "taken": looked.taken,
            "why_href": address("/customer/why", {"lifecycle": asked.lifecycle, "id": meant}),
            "timeline_href": address("/customer/timeline", {"lifecycle": asked.lifecycle, "id": meant}),
            "others": [
                (name, address("/customer", {"lifecycle": name, "id": meant}))
                for name in context.names
                if name != asked.lifecycle
            ],
        },
        template="customer.html",
    )


def _risks(moves: Sequence[Row]) -> dict[str, Chart]:
    risks = [(format_instant(row[0])[:10], row[4]) for row in moves[::-1] if row[4] is not None]
    if len(risks) < 2:
        return {}
    line = lines([at for at, _ in risks], {"risk": [risk for _, risk in risks]})
    return {"risk": Chart("Churn risk at each move", line)}


def _nobody(context: Context, asked: Asked) -> dict[str, Any]:
    """For those who do not know an id yet: some whom it is worth to look at."""
    rows = context.store.rows(
        "SELECT customer, stage FROM standing WHERE lifecycle = ? ORDER BY at_stake DESC LIMIT 5",
        asked.lifecycle,
    )
    return {
        "id": "",
        "examples": [
            (name, address("/customer", {"lifecycle": asked.lifecycle, "id": name}), stage)
            for name, stage in rows
        ],
    }


def _recommended(fields: dict[str, str]) -> tuple[str, ...]:
    action = fields.get("recommended_action")
    return (action,) if action else ()


def _remembered(context: Context, lifecycle: str, meant: str) -> dict[str, str]:
    names = (
        "stage",
        "since",
        "churn_risk",
        "next_stage",
        "next_stage_probability",
        "value_segment",
        "recommended_action",
        "revenue",
        "orders",
        "version",
    )
    found = context.store.rows(
        "SELECT stage, since, risk, next_stage, next_p, segment, action, revenue, orders, version FROM standing "
        "WHERE lifecycle = ? AND customer = ?",
        lifecycle,
        meant,
    )
    return (
        {name: str(value) for name, value in zip(names, found[0], strict=True) if value is not None}
        if found
        else {}
    )


def _in_words(context: Context, asked: Asked, fields: dict[str, str]) -> str:
    """The customer in a sentence."""
    risk = float(fields.get("churn_risk") or 0)
    scoring = context.settings.scoring
    threshold = scoring.alert_thresholds.get(fields.get("value_segment", ""), scoring.alert_threshold)
    how = (
        "is about to leave"
        if risk >= threshold
        else "may leave"
        if risk >= threshold / 2
        else "seems to stay"
    )
    lost = {stage.name for stage in context.lifecycles[asked.lifecycle].stages if stage.lost}
    if fields["stage"] in lost:
        how = "is lost"
    return f"In {fields['stage']} since {fields.get('since', '')[:10]}; {how}."


def _figures(context: Context, asked: Asked, fields: dict[str, str], rank: int | None) -> list[Figure]:
    risk, chance = fields.get("churn_risk"), fields.get("next_stage_probability")
    within = format_duration(context.lifecycles[asked.lifecycle].labels.next_stage_horizon)
    before = fields.get("previous_stage")
    return [
        Figure(
            "Stage",
            fields["stage"],
            f"since {fields.get('since', '')[:10]}" + (f", before: {before}" if before else ""),
        ),
        Figure(
            "Churn risk",
            written(float(risk) if risk else None, "share"),
            f"{rank:,}. by risk" if rank else "",
            "bad" if float(risk or 0) >= context.settings.scoring.alert_threshold else "",
        ),
        Figure(
            "Next stage",
            fields.get("next_stage") or "—",
            f"{written(float(chance), 'share')} within {within}"
            + (", else stays" if float(chance) < 0.5 else "")
            if chance
            else "",
        ),
        Figure(
            "Value",
            fields.get("value_segment") or "—",
            f"{float(fields.get('revenue') or 0):,.2f} in {fields.get('orders') or 0} orders",
        ),
    ]


def _fields(fields: dict[str, str]) -> Table:
    return Table(
        "What websites read",
        (Column("field"), Column("value")),
        [[name, value] for name, value in sorted(fields.items())],
    )


def _alert(context: Context, lifecycle: str, meant: str) -> dict[str, Any] | None:
    found = context.store.rows(
        "SELECT status, at, reasons FROM alert WHERE lifecycle = ? AND customer = ?", lifecycle, meant
    )
    if not found:
        return None
    status, at, reasons = found[0]
    return {"status": status, "at": written(format_instant(at), "time"), "reasons": orjson.loads(reasons)}


def why_table(reasons: Why | str, lifecycle: str) -> Table:
    """What moved the churn risk most, in words."""
    columns = (Column("reason"), Column("weight in log odds", "number"))
    if isinstance(reasons, str):
        return Table("Why this risk?", columns, [], f"Unknown: {reasons}")
    told = reasons.by_lifecycle.get(lifecycle)
    if told is None:
        return Table(
            "Why this risk?", columns, [], "Nothing to lose: the customer was never active, or has cancelled."
        )
    learned = (
        f"{told.share:.0%} learned from {told.labels:,} labels" if told.labels else "no labels learned yet"
    )
    return Table(
        "Why this risk?",
        columns,
        [[reason.text, round(reason.log_odds, 4)] for reason in told.reasons],
        "Nothing stands out.",
        f"A risk of {written(told.churn_risk, 'share')} as of {written(reasons.as_of, 'time')}, compared with the average "
        f"customer; {learned}.",
    )

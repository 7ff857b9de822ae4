"""One customer: stage, risk, next stage, value; the journey with reasons; why the model says so; what to do next."""

from typing import Any

import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from state import Bounds, Rejected, decode_event, format_instant
from stream_app.batch_sender import partition_of
from stream_app.console.asked import Asked, address
from stream_app.console.charts import lines
from stream_app.console.context import Context
from stream_app.console.page import Chart, Figure, Page
from stream_app.console.tables import Column, Table
from stream_app.errors import Unavailable
from stream_app.event_names import load_measures
from stream_app.explaining import Why
from stream_app.kafka_clients import client_options
from stream_app.redis_connection import RedisUnavailable
from stream_app.redis_keys import alias_key, keys_of
from stream_app.served import Served, read_served
from stream_app.settings import Settings
from stream_app.topics import SOURCES

__all__ = ["LONGEST_ID", "customer", "events_of", "events_table", "served", "why_table"]

LONGEST_ID = 512
_LOOKED_AT = 20_000
_MOST_EVENTS = 200
_ADVICE = {True: "raises the risk", False: "lowers the risk"}


async def served(context: Context, lifecycle: str, wanted: str) -> tuple[str, Served | None, str]:
    """What Redis serves: the id that was meant (an alias is followed), the hash, and why there is none."""
    keys = keys_of(context.settings.redis_prefix, context.names)[lifecycle]
    try:
        found = await read_served(context.redis, keys, lifecycle, wanted, 0)
        if found is None:
            alias: Any = await context.redis.get(alias_key(context.settings.redis_prefix, wanted))
            if alias:
                wanted = alias.decode()
                found = await read_served(context.redis, keys, lifecycle, wanted, 0)
    except RedisUnavailable as error:
        return wanted, None, error.sentence
    return wanted, found, ""


def customer(context: Context, asked: Asked, meant: str, found: Served | None, trouble: str) -> Page:
    """Build the view.

    Args:
        context: Where to look.
        asked: The lifecycle.
        meant: Customer id, empty when nobody was searched for.
        found: What Redis serves.
        trouble: Why Redis serves nothing.
    """
    if not meant:
        return Page(
            "Customer",
            "Search by the id that your events carry.",
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
    moves = _moves(context, asked.lifecycle, meant)
    risks = [(format_instant(row[0])[:10], row[4]) for row in moves[::-1] if row[4] is not None]
    return Page(
        title=f"Customer {meant}",
        lead=f"{trouble} Shown is what the console remembers." if trouble else "",
        figures=_figures(fields, None if found is None else found.rank),
        charts={
            "risk": Chart(
                "Churn risk at each move",
                lines([at for at, _ in risks], {"risk": [risk for _, risk in risks]}),
            )
        }
        if len(risks) > 1
        else {},
        tables={"journey": _journey(moves), "fields": _fields(fields)},
        values={
            "id": meant,
            "actions": context.actions(asked.lifecycle, fields["stage"]) or _recommended(fields),
            "alert": _alert(context, asked.lifecycle, meant),
            "why_href": address("/customer/why", {"lifecycle": asked.lifecycle, "id": meant}),
            "events_href": address("/customer/events", {"lifecycle": asked.lifecycle, "id": meant}),
            "others": [
                (name, address("/customer", {"lifecycle": name, "id": meant}))
                for name in context.names
                if name != asked.lifecycle
            ],
        },
        template="customer.html",
    )


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


def _moves(context: Context, lifecycle: str, meant: str) -> list[tuple[Any, ...]]:
    question = (
        "SELECT at, from_stage, to_stage, reason, risk, cycle, version FROM move WHERE lifecycle = ? AND customer = ? "
        "ORDER BY version DESC LIMIT 500"
    )
    return context.store.rows(question, lifecycle, meant)


def _figures(fields: dict[str, str], rank: int | None) -> list[Figure]:
    risk, chance = fields.get("churn_risk"), fields.get("next_stage_probability")
    return [
        Figure("Stage", fields["stage"], f"since {fields.get('since', '')[:10]}"),
        Figure(
            "Churn risk",
            f"{float(risk):.3f}" if risk else "—",
            f"{rank:,}. of those to save first" if rank else "",
        ),
        Figure(
            "Next stage",
            fields.get("next_stage") or "—",
            f"with probability {float(chance):.0%}" if chance else "",
        ),
        Figure(
            "Value",
            fields.get("value_segment") or "—",
            f"{float(fields.get('revenue') or 0):,.2f} in {fields.get('orders') or 0} orders",
        ),
    ]


def _journey(moves: list[tuple[Any, ...]]) -> Table:
    rows = [
        [format_instant(at), before or "(new)", after, reason, risk, cycle]
        for at, before, after, reason, risk, cycle, _ in moves
    ]
    return Table(
        "Journey",
        (
            Column("when"),
            Column("from"),
            Column("to"),
            Column("reason"),
            Column("risk then", "number"),
            Column("cycle", "count"),
        ),
        rows,
        "No move is kept: older ones than console.keep_history are gone.",
    )


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
    return {"status": status, "at": format_instant(at)[:16], "reasons": orjson.loads(reasons)}


def why_table(reasons: Why | str, lifecycle: str) -> Table:
    """What moved the churn risk most, in words."""
    columns = (Column("reason"), Column("effect"), Column("log odds", "number"))
    if isinstance(reasons, str):
        return Table("Why this risk?", columns, [], f"Unknown: {reasons}")
    told = reasons.by_lifecycle.get(lifecycle)
    if told is None:
        return Table("Why this risk?", columns, [], "Nothing to lose yet: the customer was never active.")
    learned = (
        f"{told.share:.0%} learned from {told.labels:,} labels" if told.labels else "no labels learned yet"
    )
    return Table(
        "Why this risk?",
        columns,
        [[reason.text, _ADVICE[reason.log_odds > 0], reason.log_odds] for reason in told.reasons],
        "Nothing stands out.",
        f"Risk {told.churn_risk:.3f} as of {reasons.as_of}; {learned}.",
    )


async def events_of(settings: Settings, meant: str, now: int) -> list[list[Any]]:
    """The last events of a customer that Kafka has, newest first: time, name, topic, value, whether simulated.

    Looks at the newest records of the customer's partition of each source topic, so an event of long ago may be missing.

    Raises:
        Unavailable: Kafka does not answer.
    """
    consumer = AIOKafkaConsumer(**client_options(settings), enable_auto_commit=False)
    found: list[list[Any]] = []
    judged = (
        load_measures(settings),
        Bounds(
            settings.events.max_event_bytes,
            settings.events.earliest,
            settings.events.max_future,
            settings.events.max_amount,
        ),
    )
    try:
        await consumer.start()
        await consumer.topics()
        for name in SOURCES:
            there = consumer.partitions_for_topic(settings.topic_prefix + name) or set()
            if there:
                at = TopicPartition(settings.topic_prefix + name, partition_of(meant.encode(), len(there)))
                newest = await _newest(consumer, at, meant.encode())
                found += [_event(record, name, judged, now) for record in newest]
    except (KafkaError, OSError) as error:
        raise Unavailable(f"events cannot be read ({error}): is Kafka at {settings.kafka} up?") from error
    finally:
        await consumer.stop()
    return sorted(found, key=lambda row: str(row[0]), reverse=True)[:_MOST_EVENTS]


async def _newest(consumer: AIOKafkaConsumer, at: TopicPartition, key: bytes) -> list[Any]:
    consumer.assign([at])
    end, first = (await consumer.end_offsets([at]))[at], (await consumer.beginning_offsets([at]))[at]
    consumer.seek(at, max(first, end - _LOOKED_AT))
    found: list[Any] = []
    while await consumer.position(at) < end:
        fetched = (await consumer.getmany(at, timeout_ms=500, max_records=5000)).get(at, [])
        found += [record for record in fetched if record.key == key]
        if not fetched:
            break
    return found[-_MOST_EVENTS:]


def _event(record: Any, topic: str, judged: tuple[Any, Bounds], now: int) -> list[Any]:
    try:
        event = decode_event(record.value, record.headers, *judged, now)
        body = orjson.loads(record.value)
        name = body.get("event") or body.get("name") or body.get("type")
        properties = body.get("properties") or {}
        value = properties.get("revenue") or properties.get("total") or properties.get("value")
        simulated = "simulated" if (body.get("context") or {}).get("simulated") else None
        return [format_instant(event.at), str(name), topic, value, simulated]
    except (Rejected, orjson.JSONDecodeError, AttributeError):
        return ["", "(not understood)", topic, None, None]


def events_table(rows: list[list[Any]]) -> Table:
    """The events as a table."""
    return Table(
        "Recent events",
        (Column("when"), Column("event"), Column("topic"), Column("value", "amount"), Column("made by")),
        rows,
        "Kafka has none among the newest records.",
        f"Among the newest {_LOOKED_AT:,} records of the customer's partition of each topic.",
    )

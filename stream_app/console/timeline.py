"""What happened to one customer, in order: moves from the console's history, events from Kafka."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from state import Bounds, Rejected, decode_event, format_instant
from stream_app.batch_sender import partition_of
from stream_app.console.store import Row, Store
from stream_app.console.tables import Column, Table
from stream_app.errors import Unavailable
from stream_app.event_names import load_measures
from stream_app.kafka_clients import client_options
from stream_app.settings import Settings
from stream_app.topic_admin import partition_counts
from stream_app.topics import SOURCES

__all__ = ["events_of", "moves_of", "timeline"]

_MOST_MOVES: Final = 500
_LOOKED_AT: Final = 20_000
"""Records of a partition that are looked through for events of one customer, the newest."""
_MOST_EVENTS: Final = 200
_PATIENCE_S: Final = 20.0
_REASONS: Final = {
    "entered": "was seen for the first time",
    "advanced": "went on to the next stage",
    "skipped": "went further than the next stage",
    "returned": "went back to an earlier stage",
    "lapsed": "was lost",
    "reactivated": "came back",
}


def moves_of(store: Store, lifecycle: str, customer: str) -> list[Row]:
    """Instant (µs), stage before, stage after, reason, risk then and cycle of each move that is kept, newest first."""
    question = (
        "SELECT at, from_stage, to_stage, reason, risk, cycle FROM move WHERE lifecycle = ? AND customer = ? "
        "ORDER BY version DESC LIMIT ?"
    )
    return store.rows(question, lifecycle, customer, _MOST_MOVES)


def timeline(moves: Sequence[Row], events: Sequence[Row]) -> Table:
    """Moves and events together, newest first.

    Args:
        moves: From `moves_of`.
        events: From `events_of`.
    """
    rows: list[list[Any]] = [
        [format_instant(at), f"{before or '(new)'} → {after}", _REASONS.get(reason, reason), risk, "", ""]
        for at, before, after, reason, risk, _ in moves
    ]
    rows += [[at, name, topic, "", value, made] for at, name, topic, value, made in events]
    return Table(
        "Timeline",
        (
            Column("when", "time"), Column("what"), Column("how"), Column("risk then", "share"), Column("amount", "amount"),
            Column("made by"),
        ),
        sorted(rows, key=lambda row: str(row[0]), reverse=True),
        "Nothing is kept any more: moves older than console.keep_history are gone.",
        f"Moves from stage to stage, and this customer's events among the newest {_LOOKED_AT:,} records of each topic.",
    )  # fmt: skip


async def events_of(settings: Settings, meant: str, now: int) -> list[Row]:
    """The last events of a customer that Kafka has: time, name, topic, amount, whether simulated.

    Looks at the newest records of the customer's partition of each source topic, so an event of long ago may be missing.

    Raises:
        Unavailable: Kafka does not answer.
    """
    options = client_options(settings)
    counts = await partition_counts(settings.kafka, options)
    key, prefix = meant.encode(), settings.topic_prefix
    places = [
        TopicPartition(prefix + name, partition_of(key, counts[prefix + name]))
        for name in SOURCES
        if prefix + name in counts
    ]
    events = settings.events
    bounds = Bounds(events.max_event_bytes, events.earliest, events.max_future, events.max_amount)
    judged = load_measures(settings), bounds
    consumer = AIOKafkaConsumer(**options, enable_auto_commit=False)
    try:
        await consumer.start()
        async with asyncio.timeout(_PATIENCE_S):
            found = await _newest(consumer, places, key)
    except (KafkaError, OSError, TimeoutError) as error:
        raise Unavailable(
            f"events cannot be read ({type(error).__name__}): is Kafka at {settings.kafka} up?"
        ) from error
    finally:
        await consumer.stop()
    rows = [_event(record, record.topic.removeprefix(prefix), judged, now) for record in found]
    return sorted(rows, key=lambda row: str(row[0]), reverse=True)[:_MOST_EVENTS]


async def _newest(consumer: AIOKafkaConsumer, places: list[TopicPartition], key: bytes) -> list[Any]:
    consumer.assign(places)
    ends, first = await consumer.end_offsets(places), await consumer.beginning_offsets(places)
    for at in places:
        consumer.seek(at, max(first[at], ends[at] - _LOOKED_AT))
    left, found = [at for at in places if ends[at] > first[at]], list[Any]()
    while left:
        for records in (await consumer.getmany(*left, timeout_ms=250, max_records=5000)).values():
            found += [record for record in records if record.key == key]
        left = [at for at in left if await consumer.position(at) < ends[at]]
    return found


def _event(record: Any, topic: str, judged: tuple[Any, Bounds], now: int) -> Row:
    try:
        event = decode_event(record.value, record.headers, *judged, now)
        body = orjson.loads(record.value)
        name = body.get("event") or body.get("name") or body.get("type")
        properties = body.get("properties") or {}
        value = properties.get("revenue") or properties.get("total") or properties.get("value")
        simulated = "simulated" if (body.get("context") or {}).get("simulated") else None
        return (
            format_instant(event.at),
            str(name),
            topic,
            value if isinstance(value, float | int) else "",
            simulated,
        )
    except (Rejected, orjson.JSONDecodeError, AttributeError):
        return "", "(not understood)", topic, "", ""

"""Sending a period again: what Kafka holds of it, through the same filters, with the same ids."""

import asyncio
import time
from collections import defaultdict
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from stream_app.delivery.attempts import AttemptLog, log_path
from stream_app.delivery.courier import topics_of
from stream_app.delivery.destination import Destination
from stream_app.delivery.message import Kind, Message, erased_by, is_wanted, message_of
from stream_app.delivery.metrics import DeliveryMetrics
from stream_app.delivery.sender import Sender
from stream_app.errors import Unavailable
from stream_app.kafka_clients import client_options
from stream_app.progress_display import ProgressDisplay
from stream_app.settings import Settings
from stream_app.topic_admin import partition_counts

__all__ = ["redeliver_period"]

_Found = defaultdict[tuple[Kind, str], dict[str, Message]]


async def redeliver_period(
    settings: Settings,
    destination: Destination,
    first: int,
    last: int,
    *,
    only_failed: bool,
    patience: float,
) -> dict[str, int]:
    """Deliver again what was published in [first, last) (µs).

    Args:
        settings: Where Kafka and the attempt log are.
        destination: Where to.
        first: Begin of the period.
        last: End of the period.
        only_failed: Leave out what the attempt log has as delivered.
        patience: Seconds for which one message is tried.

    Returns:
        Messages by outcome: delivered, refused, given_up, skipped.

    Raises:
        Unavailable: Kafka does not answer.
    """
    attempts = AttemptLog(log_path(settings.data_dir, settings.prefix, destination.name))
    counts = {"delivered": 0, "refused": 0, "given_up": 0, "skipped": 0}
    try:
        found = await _published(settings, destination, first // 1000, last // 1000)
        async with Sender(destination, attempts, DeliveryMetrics(), lambda: time.time_ns() // 1000) as sender:
            by_customer: dict[str, list[Message]] = {}
            for message in found:
                if not is_wanted(destination, message) or (
                    only_failed and attempts.was_delivered(message.id)
                ):
                    counts["skipped"] += 1
                else:
                    by_customer.setdefault(message.customer, []).append(message)
            await _send(sender, list(by_customer.values()), counts, patience)
    except KafkaError as error:
        raise Unavailable(f"the period cannot be read ({error}): is Kafka up?") from error
    finally:
        attempts.close()
    return counts


async def _send(sender: Sender, queues: list[list[Message]], counts: dict[str, int], patience: float) -> None:
    """Customers side by side, the messages of each in order."""
    room = asyncio.Semaphore(sender.destination.concurrency)

    async def one(queue: list[Message]) -> None:
        async with room:
            for message in queue:
                counts[await sender.deliver(message, patience)] += 1
                done = sum(counts.values()) - counts["skipped"]
                display.show(done, total, f"{done:,} of {total:,} messages")

    total = sum(map(len, queues))
    with ProgressDisplay("redelivering") as display:
        async with asyncio.TaskGroup() as group:
            for queue in queues:
                group.create_task(one(queue))


async def _published(settings: Settings, destination: Destination, first: int, last: int) -> list[Message]:
    """Messages that Kafka holds of a period (ms), each once, and none of customers who have been erased since.

    Whoever gets only the latest gets nothing that has been overtaken by now: it would take them back.
    """
    topics = topics_of(settings.topic_prefix, destination.on)
    # By kind, for each topic tells of an erasure by itself, and what comes after it in one may be read before it in another.
    found: _Found = defaultdict(dict)
    there = await partition_counts(settings.kafka, client_options(settings))
    consumer = AIOKafkaConsumer(**client_options(settings), enable_auto_commit=False)
    try:
        await consumer.start()
        # As many as Kafka has, whatever is configured here: who sends again must not miss some.
        wanted = [TopicPartition(name, p) for name in topics for p in range(there.get(name, 0))]
        consumer.assign(wanted)
        starts: dict[TopicPartition, Any] = await consumer.offsets_for_times(dict.fromkeys(wanted, first))
        ends = await consumer.end_offsets(wanted)
        for partition in wanted:
            start = starts.get(partition)
            if start is None:
                continue
            consumer.seek(partition, start.offset)
            while await consumer.position(partition) < ends[partition]:
                fetched = await consumer.getmany(partition, timeout_ms=500)
                for record in fetched.get(partition, ()):
                    _take(found, destination, topics[partition.topic], record, last)
    finally:
        await consumer.stop()
    return [message for those in found.values() for message in those.values()]


def _take(found: _Found, destination: Destination, kind: Kind, record: Any, last: int) -> None:
    message = message_of(kind, record.value, record.headers)
    if message is None:
        if (customer := erased_by(record.value)) is not None:
            found.pop((kind, customer), None)
        return
    those = found[kind, message.customer]
    if destination.latest_only and is_wanted(destination, message):
        _overtake(those, destination, message)
    if record.timestamp < last:
        those.setdefault(message.id, message)


def _overtake(those: dict[str, Message], destination: Destination, newer: Message) -> None:
    """Leave out what *newer* makes old: what went to the same place about the same lifecycle."""
    lifecycle = newer.fields.get("lifecycle")
    for name, older in list(those.items()):
        same = name != newer.id and older.fields.get("lifecycle") == lifecycle
        if same and is_wanted(destination, older):
            del those[name]

"""The deliver process: every destination with its own group, queue and log, none of which waits for another."""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

import structlog
from aiokafka.errors import KafkaError

from stream_app.delivery.attempts import AttemptLog, log_path
from stream_app.delivery.courier import Courier
from stream_app.delivery.destination import Destination
from stream_app.delivery.metrics import DeliveryMetrics
from stream_app.delivery.readiness import Readiness
from stream_app.delivery.sender import Sender
from stream_app.errors import Unavailable
from stream_app.kafka_clients import client_options
from stream_app.settings import Settings

__all__ = ["deliver_until"]

log = structlog.get_logger(__name__)

_FORGET_EVERY_S = 3600.0


async def deliver_until(
    stop: asyncio.Event,
    settings: Settings,
    destinations: Sequence[Destination],
    metrics: DeliveryMetrics,
    readiness: Readiness,
    now: Callable[[], int],
) -> None:
    """Deliver to all *destinations* until *stop* is set.

    Raises:
        Unavailable: Kafka does not answer.
    """
    client = client_options(settings)
    try:
        async with asyncio.TaskGroup() as group:
            for destination in destinations:
                group.create_task(_deliver(stop, settings, destination, metrics, readiness, now, client))
    except* KafkaError as errors:
        raise Unavailable(f"deliveries cannot go on ({errors.exceptions[0]}): is Kafka up?") from errors
    except* sqlite3.Error as errors:
        raise Unavailable(
            f"an attempt log in {settings.data_dir} cannot be used ({errors.exceptions[0]}): is the disk full, or the "
            "directory not writable?"
        ) from errors


async def _deliver(
    stop: asyncio.Event,
    settings: Settings,
    destination: Destination,
    metrics: DeliveryMetrics,
    readiness: Readiness,
    now: Callable[[], int],
    client: dict[str, Any],
) -> None:
    attempts = AttemptLog(log_path(settings.data_dir, settings.prefix, destination.name))
    forgetting = asyncio.create_task(_forget_old(attempts, settings.deliver.keep_attempts, now))
    try:
        async with Sender(destination, attempts, metrics, now) as sender:
            log.info("delivering", destination=destination.name, to=urlsplit(destination.url).hostname)
            await Courier(sender, attempts, metrics, readiness, client, settings.topic_prefix).run(stop)
    finally:
        forgetting.cancel()
        attempts.close()


async def _forget_old(attempts: AttemptLog, keep: int, now: Callable[[], int]) -> None:
    """Drop attempts that are older than *keep* (µs), at once and from time to time: a process may run for years."""
    while True:
        attempts.forget_before(now() - keep)
        await asyncio.sleep(min(_FORGET_EVERY_S, max(1.0, keep / 1e7)))

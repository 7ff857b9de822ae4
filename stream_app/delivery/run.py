"""The deliver process: every destination with its own group, queue and log, none of which waits for another."""

import asyncio
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


async def _deliver(
    stop: asyncio.Event,
    settings: Settings,
    destination: Destination,
    metrics: DeliveryMetrics,
    readiness: Readiness,
    now: Callable[[], int],
    client: dict[str, Any],
) -> None:
    attempts = AttemptLog(log_path(settings.data_dir, destination.name))
    try:
        attempts.forget_before(now() - settings.deliver.keep_attempts)
        async with Sender(destination, attempts, metrics, now) as sender:
            log.info("delivering", destination=destination.name, to=urlsplit(destination.url).hostname)
            await Courier(sender, attempts, metrics, readiness, client, settings.topic_prefix).run(stop)
    finally:
        attempts.close()

"""How does a worker come by the newest models?"""

import asyncio
from collections.abc import Callable

import structlog
from aiokafka import AIOKafkaConsumer

from scorers.snapshot import Snapshot, SnapshotRefused
from stream_app.errors import Unavailable
from stream_app.model_topic import ModelTopic, newest_of

log = structlog.get_logger(__name__)

RETRY_S = 2.0


async def follow(
    topic: ModelTopic,
    on_snapshot: Callable[[Snapshot], object],
    on_refused: Callable[[SnapshotRefused], object] = lambda _: None,
) -> None:
    """Hand over the newest models, then each newer one, until cancelled.

    A snapshot that is tampered with, signed with another key, or made for another River or schema is refused:
    it is logged, *on_refused* is told, and the models in service stay. Nothing is ever unpickled here. While
    Kafka is away, the last models serve on.

    Args:
        topic: Where snapshots travel.
        on_snapshot: Takes a verified snapshot; its ``predictors`` are immutable.
        on_refused: Told of each refusal, for a metric.
    """
    while True:
        try:
            async with topic.reader() as consumer:
                await _follow(topic, consumer, on_snapshot, on_refused)
        except Unavailable as error:
            log.warning("models cannot be followed", reason=error.sentence, retry_s=RETRY_S)
            await asyncio.sleep(RETRY_S)


async def _follow(
    topic: ModelTopic,
    consumer: AIOKafkaConsumer,
    on_snapshot: Callable[[Snapshot], object],
    on_refused: Callable[[SnapshotRefused], object],
) -> None:
    data = await topic.newest(consumer)
    while True:
        if data is not None:
            _offer(topic, data, on_snapshot, on_refused)
        fetched = await consumer.getmany(topic.models, timeout_ms=1000)
        data = newest_of(fetched.get(topic.models, ()))


def _offer(
    topic: ModelTopic,
    data: bytes,
    on_snapshot: Callable[[Snapshot], object],
    on_refused: Callable[[SnapshotRefused], object],
) -> None:
    try:
        snapshot = topic.open(data)
    except SnapshotRefused as refused:
        log.error("models refused", reason=refused.reason, why=str(refused))  # noqa: TRY400 - no trace
        on_refused(refused)
        return
    on_snapshot(snapshot)

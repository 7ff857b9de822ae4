"""Into how many partitions does a replay send, and are the topics there?"""

from dataclasses import replace

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from stream_app.errors import Misconfigured, Unavailable
from stream_app.kafka_clients import client_options
from stream_app.settings import Settings
from stream_app.topic_admin import ensure
from stream_app.topics import SOURCES, declare


async def ready_partitions(settings: Settings) -> int:
    """Return how many partitions the source topics and the tick topic have; missing ones are created.

    Topics that exist decide, not the settings: a replay must agree with the workers that read them.

    Raises:
        Misconfigured: If they do not have the same number.
        Unavailable: If Kafka does not answer.
    """
    names = {settings.topic_prefix + name for name in (*SOURCES, "ticks")}
    found = {name: count for name, count in (await _counts(settings)).items() if name in names}
    counts = set(found.values()) or {settings.topics.partitions}
    if len(counts) > 1:
        told = ", ".join(f"{name} has {count}" for name, count in sorted(found.items()))
        raise Misconfigured(
            f"source topics and ticks need the same number of partitions: {told}; recreate them"
        )
    partitions = counts.pop()
    missing = [topic for topic in declare(settings) if topic.name in names - set(found)]
    if missing:
        wanted = [replace(topic, partitions=partitions) for topic in missing]
        await ensure(settings.kafka, wanted, client_options(settings))
    return partitions


async def _counts(settings: Settings) -> dict[str, int]:
    admin = AIOKafkaAdminClient(**client_options(settings))
    try:
        await admin.start()
        # All topics are listed, because asking for one by name makes some clusters create it.
        return {entry["topic"]: len(entry["partitions"]) for entry in await admin.describe_topics()}
    except (KafkaError, OSError) as error:
        raise Unavailable(
            f"Kafka at {settings.kafka} does not answer ({type(error).__name__}): start it, for example with "
            "`lifecycle up`, or correct LIFECYCLE_KAFKA or --kafka"
        ) from error
    finally:
        await admin.close()

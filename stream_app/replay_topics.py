"""Into how many partitions does a replay send, and are the topics there?"""

from dataclasses import replace

from stream_app.errors import Misconfigured
from stream_app.kafka_clients import client_options
from stream_app.settings import Settings
from stream_app.topic_admin import ensure, partition_counts
from stream_app.topics import SOURCES, declare


async def ready_partitions(settings: Settings) -> int:
    """Return how many partitions the source topics and the tick topic have; missing ones are created.

    Topics that exist decide, not the settings: a replay must agree with the workers that read them.

    Raises:
        Misconfigured: If they do not have the same number.
        Unavailable: If Kafka does not answer.
    """
    names = {settings.topic_prefix + name for name in (*SOURCES, "ticks")}
    there = await partition_counts(settings.kafka, client_options(settings))
    found = {name: count for name, count in there.items() if name in names}
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

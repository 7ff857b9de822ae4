"""May the demo use services that somebody else started, without mixing its events with theirs?"""

import asyncio
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from stream_app.kafka_clients import client_options
from stream_app.redis_connection import connect, telling_redis
from stream_app.redis_keys import keys_of
from stream_app.scoring import load_lifecycles
from stream_app.settings import Settings
from stream_app.topic_admin import partition_counts
from stream_app.topics import declare


def why_not(settings: Settings) -> str | None:
    """Tell why the demo keeps away from running services.

    Args:
        settings: Where they are.

    Returns:
        What is in them already, `None` when nothing is.
    """
    return asyncio.run(_look(settings))


async def _used_topics(settings: Settings) -> list[str]:
    ours = {topic.name for topic in declare(settings)}
    options = client_options(settings)
    found = await partition_counts(settings.kafka, options)
    places = [TopicPartition(name, number) for name in ours & found.keys() for number in range(found[name])]
    if not places:
        return []
    async with AIOKafkaConsumer(**options, enable_auto_commit=False) as consumer:
        ends = await consumer.end_offsets(places)
    return sorted({place.topic for place, end in ends.items() if end})


async def _look(settings: Settings) -> str | None:
    used = await _used_topics(settings)
    if used:
        return f"topic {used[0]} holds records already"
    client = connect(settings.redis)
    try:
        names = [lifecycle.name for lifecycle in load_lifecycles(settings.lifecycles)]
        with telling_redis("customers cannot be looked for"):
            for keys in keys_of(settings.redis_prefix, names).values():
                held: Any = await client.exists(keys.counts)
                if held:
                    return f"Redis holds {keys.counts} already"
    finally:
        await client.aclose()
    return None

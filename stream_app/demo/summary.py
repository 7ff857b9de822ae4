"""What has come of the run: read from Kafka, from Redis and from the models, not from memory."""

from collections.abc import Mapping
from typing import Any

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition

from scorers.snapshot import Snapshot
from stream_app.demo.draining import Drain
from stream_app.demo.journal import Journal
from stream_app.kafka_clients import client_options
from stream_app.redis_connection import AsyncRedis, connect, telling_redis
from stream_app.redis_keys import RedisKeys, keys_of
from stream_app.replay import Progress
from stream_app.scoring import load_lifecycles
from stream_app.settings import Settings

_MOST_RISKS, _MOST_SAMPLES = 10, 12
_MODELS = ("churn", "next_stage", "value")
Hash = dict[str, str]


class Summary(msgspec.Struct, kw_only=True):
    """The result of a demo.

    Args:
        events: Sent, by topic.
        stages: Customers by lifecycle and stage, as Redis counts them.
        transitions: Moves by reason.
        rescored: Changes of a score that were published without a move.
        customers: Customers of the first lifecycle.
        examples: Answers that were learned from, by model.
        models: Prequential quality by lifecycle and model.
        churn_alerts: Churn alerts told, raised and resolved.
        dead_letters: Events refused.
        events_per_second: From the first event sent to the last stage in Redis.
        seconds: The same way.
        first_event_time: RFC 3339.
        last_event_time: RFC 3339; stages and scores are of this instant.
        redis_agrees: Whether Redis counts the same customers in the same stages as the topic tells.
        top_churn_risks: The most endangered customers of the first lifecycle, as Redis serves them.
        sample_customers: Ids of `samples`.
        samples: ``HGETALL`` of some customers of the first lifecycle, without the sink's own field.
        kafka: Bootstrap address.
        redis: URL.
        data_dir: Data directory of worker and trainer.
        console: Address of the console, which logs in whoever has it; None without one.
        services_stay: Whether Kafka and Redis run on after the demo.
        simulated_topics: Topics in which every event is simulated.
        attribution: Whose data it is, and under which licence.
    """

    events: dict[str, int]
    stages: dict[str, dict[str, int]]
    transitions: dict[str, int]
    rescored: int
    customers: int
    examples: dict[str, int]
    models: dict[str, Any]
    churn_alerts: int
    dead_letters: int
    events_per_second: float
    seconds: float
    first_event_time: str | None
    last_event_time: str | None
    redis_agrees: bool
    top_churn_risks: list[Hash]
    sample_customers: list[str]
    samples: dict[str, Hash]
    kafka: str
    redis: str
    data_dir: str
    services_stay: bool
    simulated_topics: list[str]
    attribution: str
    console: str | None = None


class Served(msgspec.Struct):
    """What Redis serves: customers per stage by lifecycle, and of the first lifecycle the risks and some hashes."""

    stages: dict[str, dict[str, int]]
    risks: list[Hash]
    samples: dict[str, Hash]


async def collect(
    settings: Settings,
    drain: Drain,
    snapshot: Snapshot | None,
    progress: Progress,
    seconds: float,
    *,
    stay: bool,
    attribution: str,
) -> Summary:
    """Read everything that the summary tells.

    Args:
        settings: Where the services are.
        drain: Knows the ends of topics.
        snapshot: The newest models.
        progress: What was sent.
        seconds: From the first event sent to the last stage in Redis.
        stay: Whether the services go on.
        attribution: Whose data it is.
    """
    names = [lifecycle.name for lifecycle in load_lifecycles(settings.lifecycles)]
    prefix = settings.topic_prefix
    journal = await _journal(settings, await drain.ends(f"{prefix}stage-changes"))
    served = await _served(settings, names, journal)
    models = _models(names, {} if snapshot is None else snapshot.metrics)
    sent = progress.summary()
    return Summary(
        events=sent["topics"],
        stages=served.stages,
        transitions=dict(journal.transitions.most_common()),
        rescored=journal.rescored,
        customers=journal.customers(names[0]),
        examples={model: sum(each[model]["examples"] for each in models.values()) for model in _MODELS},
        models=models,
        churn_alerts=sum((await drain.ends(f"{prefix}churn-alerts")).values()),
        dead_letters=sum((await drain.ends(f"{prefix}dead-letters")).values()),
        events_per_second=round(progress.events / seconds, 1) if seconds else 0.0,
        seconds=round(seconds, 3),
        first_event_time=sent["first_event_time"],
        last_event_time=sent["last_event_time"],
        redis_agrees=served.stages == {name: journal.stages.get(name, {}) for name in names},
        top_churn_risks=served.risks,
        sample_customers=list(served.samples),
        samples=served.samples,
        kafka=settings.kafka,
        redis=settings.redis,
        data_dir=str(settings.data_dir),
        services_stay=stay,
        simulated_topics=[topic for topic in sent["topics"] if topic != "purchases"],
        attribution=attribution,
    )


async def _journal(settings: Settings, ends: Mapping[TopicPartition, int]) -> Journal:
    journal = Journal()
    async with AIOKafkaConsumer(**client_options(settings), enable_auto_commit=False) as consumer:
        consumer.assign(list(ends))
        await consumer.seek_to_beginning()
        left = {place for place, end in ends.items() if end}
        while left:
            for records in (await consumer.getmany(timeout_ms=500, max_records=10_000)).values():
                for record in records:
                    journal.read(record.value)
            left = {place for place in left if await consumer.position(place) < ends[place]}
    return journal


async def _served(settings: Settings, names: list[str], journal: Journal) -> Served:
    client = connect(settings.redis)
    try:
        with telling_redis("the result cannot be read"):
            keys = keys_of(settings.redis_prefix, names)
            first = keys[names[0]]
            found: Any = await client.zrevrange(first.risks, 0, _MOST_RISKS - 1)
            endangered = [customer.decode() for customer in found]
            risks = [await _hash(client, first, customer) for customer in endangered]
            chosen = [*journal.one_of_each_stage(names[0]), *endangered][:_MOST_SAMPLES]
            samples = {customer: await _hash(client, first, customer) for customer in chosen}
            stages = {name: await _counts(client, each) for name, each in keys.items()}
            return Served(stages, risks, samples)
    finally:
        await client.aclose()


async def _hash(client: AsyncRedis, keys: RedisKeys, customer: str) -> Hash:
    found: Any = await client.hgetall(keys.customer(customer))
    return {name.decode(): value.decode() for name, value in found.items() if name != b"_sink"}


async def _counts(client: AsyncRedis, keys: RedisKeys) -> dict[str, int]:
    found: Any = await client.hgetall(keys.counts)
    return {stage.decode(): int(number) for stage, number in found.items() if int(number)}


def _models(names: list[str], metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Give the figures of every lifecycle; a model without an answer has no figures but that."""
    nothing = {model: {"examples": 0} for model in _MODELS}
    return {name: metrics.get(name, nothing) for name in names}

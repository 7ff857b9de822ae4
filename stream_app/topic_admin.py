"""Do the topics exist as declared, and who creates those that are missing?"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from stream_app.errors import Misconfigured, Unavailable
from stream_app.kafka_clients import hushed
from stream_app.topics import Topic

_READ = ("cleanup.policy", "retention.ms", "max.message.bytes")
_PATIENCE_S = 20.0
_FOREVER = -1


@dataclass(frozen=True)
class _Found:
    """A topic as Kafka has it."""

    partitions: int
    config: Mapping[str, str]


async def ensure(
    bootstrap: str, topics: Sequence[Topic], options: Mapping[str, Any] | None = None
) -> frozenset[str]:
    """Check the topics that exist and create those that are missing; existing ones are never changed.

    Several processes may do so at once. When this returns, every partition has a leader: producing and
    consuming can begin.

    Args:
        bootstrap: Kafka's addresses, ``host:port`` separated by commas.
        topics: The topics as declared.
        options: Further connection options for aiokafka.

    Returns:
        Names of the topics that this call created.

    Raises:
        Misconfigured: If an existing topic contradicts its declaration, or Kafka refuses to create one; then
            nothing has been created.
        Unavailable: If no broker answers.
    """
    async with _admin(bootstrap, options or {}) as admin:
        missing = await _check(admin, topics)
        created = await _create(admin, missing) if missing else frozenset[str]()
        if missing:
            await _await_leaders(admin, topics)
            await _check(admin, topics)  # somebody else may have created one in the meantime, differently
        return created


async def existing(
    bootstrap: str, topics: Sequence[Topic], options: Mapping[str, Any] | None = None
) -> dict[str, Topic]:
    """Return those of *topics* that exist, by name, with the partitions and settings that Kafka has for them.

    Kafka may keep records longer than is declared, which `ensure` accepts: what is said of how long something
    lies there must come from here.

    Args:
        bootstrap: Kafka's addresses.
        topics: The topics as declared.
        options: Further connection options for aiokafka.

    Raises:
        Misconfigured: If Kafka refuses to describe one.
        Unavailable: If no broker answers.
    """
    async with _admin(bootstrap, options or {}) as admin:
        found = await _look(admin, topics)
    return {
        topic.name: replace(topic, partitions=one.partitions, config={**topic.config, **one.config})
        for topic in topics
        if (one := found.get(topic.name)) is not None
    }


async def partition_counts(bootstrap: str, options: Mapping[str, Any] | None = None) -> dict[str, int]:
    """Return how many partitions each topic has that there is.

    Args:
        bootstrap: Kafka's addresses.
        options: Further connection options for aiokafka.

    Raises:
        Unavailable: If no broker answers.
    """
    async with _admin(bootstrap, options or {}) as admin:
        return await _counts(admin)


def contradiction(topic: Topic, partitions: int, config: Mapping[str, str]) -> str | None:
    """Say in which way an existing topic contradicts its declaration.

    Only what the declaration names is compared. Longer retention than declared and smaller messages on topics
    of others are no contradiction: they lose nothing here.

    Args:
        topic: The declaration.
        partitions: How many it has.
        config: Its settings as Kafka tells them, those that are compared at least.

    Returns:
        A sentence with topic, expected, found and what to do, or None when it fits.

    Examples:
        >>> ticks = Topic("lifecycle.ticks", 8, 1, {"cleanup.policy": "delete", "max.message.bytes": "1000"})
        >>> contradiction(ticks, 8, {"cleanup.policy": "delete", "max.message.bytes": "2000"}) is None
        True
        >>> contradiction(ticks, 4, {}).partition(":")[0]
        'topic lifecycle.ticks has 4 partitions, expected 8'
    """
    if partitions != topic.partitions:
        return f"topic {topic.name} has {partitions} partitions, expected {topic.partitions}: " + (
            "all topics with customers in them need the same count, so either set topics.partitions to what they "
            "all have, or delete and recreate this one, or choose another prefix"
            if not topic.single
            else "no setting changes that, so either delete and recreate it, or choose another prefix"
        )
    policy = config.get("cleanup.policy", topic.cleanup_policy)
    if policy != topic.cleanup_policy:
        return _advise(topic, "cleanup.policy", policy)
    if "retention.ms" in topic.config and _is_shorter(int(config["retention.ms"]), topic.retention_ms):
        return (
            _advise(topic, "retention.ms", config["retention.ms"])
            + " (or declare less with topics.source_retention or topics.output_retention)"
        )
    size = "max.message.bytes"
    if not topic.external and int(config.get(size, 0)) < int(topic.config.get(size, 0)):
        return _advise(topic, size, config[size])
    return None


def _is_shorter(found_ms: int, declared_ms: int) -> bool:
    return found_ms != _FOREVER and (declared_ms == _FOREVER or found_ms < declared_ms)


def _advise(topic: Topic, key: str, found: str) -> str:
    expected = topic.config[key]
    return (
        f"topic {topic.name} has {key}={found}, expected {expected}: change it with "
        f"kafka-configs --alter --entity-type topics --entity-name {topic.name} --add-config {key}={expected}"
    )


@asynccontextmanager
async def _admin(bootstrap: str, options: Mapping[str, Any]) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(**{"bootstrap_servers": bootstrap, "request_timeout_ms": 20_000, **options})
    try:
        with hushed():  # what it logs about a broker that does not answer is said below, in one line
            await admin.start()
        yield admin
    except (KafkaError, OSError, TimeoutError) as error:
        raise Unavailable(
            f"Kafka at {bootstrap} does not answer ({type(error).__name__}): start it, for example with "
            "`lifecycle up`, or correct LIFECYCLE_KAFKA or --kafka"
        ) from error
    finally:
        await admin.close()


async def _check(admin: AIOKafkaAdminClient, topics: Sequence[Topic]) -> list[Topic]:
    """Refuse contradictions; the result is what is missing."""
    found = await _look(admin, topics)
    for topic in topics:
        existing = found.get(topic.name)
        sentence = contradiction(topic, existing.partitions, existing.config) if existing else None
        if sentence:
            raise Misconfigured(sentence)
    return [topic for topic in topics if topic.name not in found]


async def _look(admin: AIOKafkaAdminClient, topics: Sequence[Topic]) -> dict[str, _Found]:
    partitions = await _counts(admin)
    present = [topic.name for topic in topics if topic.name in partitions]
    if not present:
        return {}
    answers = await admin.describe_configs(
        [ConfigResource(ConfigResourceType.TOPIC, name, dict.fromkeys(_READ)) for name in present]
    )
    configs: dict[str, dict[str, str]] = {}
    for answer in answers:
        for code, message, _kind, name, entries, *_ in answer.resources:
            if code:
                raise Misconfigured(f"Kafka refuses to describe topic {name} ({_words(code, message)})")
            configs[name] = {key: value for key, value, *_ in entries if value is not None}
    return {name: _Found(partitions[name], configs[name]) for name in present}


async def _counts(admin: AIOKafkaAdminClient) -> dict[str, int]:
    # All topics are listed, because asking for one by name makes some clusters create it.
    return {entry["topic"]: len(entry["partitions"]) for entry in await admin.describe_topics()}


async def _create(admin: AIOKafkaAdminClient, topics: Sequence[Topic]) -> frozenset[str]:
    requests = [
        NewTopic(topic.name, topic.partitions, topic.replicas, topic_configs=dict(topic.config))
        for topic in topics
    ]
    # Tried first without effect, so that a refusal leaves nothing half done.
    for only_try in (True, False):
        answer = await admin.create_topics(requests, validate_only=only_try)
        codes = {name: (code, *message) for name, code, *message in answer.topic_errors}
        for name, (code, *message) in codes.items():
            if code not in (0, TopicAlreadyExistsError.errno):
                raise Misconfigured(
                    f"Kafka refuses to create topic {name} ({_words(code, *message)}): "
                    "correct the topics section of the configuration, or let an operator create it"
                )
    return frozenset(name for name, (code, *_) in codes.items() if code == 0)


async def _await_leaders(admin: AIOKafkaAdminClient, topics: Sequence[Topic]) -> None:
    names = {topic.name for topic in topics}
    async with asyncio.timeout(_PATIENCE_S):
        while True:
            led = {
                entry["topic"]
                for entry in await admin.describe_topics()
                if entry["partitions"] and all(part["leader"] >= 0 for part in entry["partitions"])
            }
            if names <= led:
                return
            await asyncio.sleep(0.05)


def _words(code: int, message: str | None = None) -> str:
    return message or for_code(code).__name__

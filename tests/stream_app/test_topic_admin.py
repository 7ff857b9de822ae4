"""Against a real Kafka: what is missing is created, what contradicts is refused, nothing is changed."""

import asyncio
from dataclasses import replace
from uuid import uuid4

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from stream_app.errors import Misconfigured, Unavailable
from stream_app.settings import Settings
from stream_app.topic_admin import ensure, existing
from stream_app.topics import Topic, declare

pytestmark = pytest.mark.integration


@pytest.fixture
def wanted() -> tuple[Topic, ...]:
    """All topics of the service under a name that no other test uses."""
    return declare(Settings.model_validate({"prefix": f"t{uuid4().hex[:8]}", "topics": {"partitions": 2}}))


async def settings_of(kafka: str, name: str) -> dict[str, str]:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        (answer,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)])
    finally:
        await admin.close()
    return {key: value for key, value, *_ in answer.resources[0][4]}


async def names_of(kafka: str) -> set[str]:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        return set(await admin.list_topics())
    finally:
        await admin.close()


def test_missing_topics_are_created_as_declared_and_only_once(kafka: str, wanted: tuple[Topic, ...]) -> None:
    assert asyncio.run(ensure(kafka, wanted)) == {topic.name for topic in wanted}
    assert asyncio.run(ensure(kafka, wanted)) == frozenset()

    for topic in wanted:
        found = asyncio.run(settings_of(kafka, topic.name))
        assert {key: found[key] for key in topic.config} == dict(topic.config)


def test_many_may_create_them_at_once(kafka: str, wanted: tuple[Topic, ...]) -> None:
    async def all_at_once() -> list[frozenset[str]]:
        return await asyncio.gather(*(ensure(kafka, wanted) for _ in range(4)))

    created = asyncio.run(all_at_once())

    assert sorted(name for names in created for name in names) == sorted(topic.name for topic in wanted)


def test_a_wrong_partition_count_is_refused_and_nothing_is_created(
    kafka: str, wanted: tuple[Topic, ...]
) -> None:
    purchases = next(topic for topic in wanted if topic.name.endswith(".purchases"))
    asyncio.run(ensure(kafka, [replace(purchases, partitions=3)]))

    with pytest.raises(
        Misconfigured, match=rf"topic {purchases.name} has 3 partitions, expected 2: .*either"
    ):
        asyncio.run(ensure(kafka, wanted))

    assert asyncio.run(names_of(kafka)) & {topic.name for topic in wanted} == {purchases.name}


def test_more_copies_than_brokers_is_refused_and_nothing_is_created(
    kafka: str, wanted: tuple[Topic, ...]
) -> None:
    with pytest.raises(Misconfigured, match=r"Kafka refuses to create topic .*replication"):
        asyncio.run(ensure(kafka, [replace(topic, replicas=3) for topic in wanted]))

    assert not asyncio.run(names_of(kafka)) & {topic.name for topic in wanted}


def test_what_exists_is_described_as_kafka_has_it(kafka: str, wanted: tuple[Topic, ...]) -> None:
    purchases = next(topic for topic in wanted if topic.name.endswith(".purchases"))
    longer = replace(purchases, config={**purchases.config, "retention.ms": "-1"})
    asyncio.run(ensure(kafka, [longer]))

    found = asyncio.run(existing(kafka, wanted))

    assert set(found) == {purchases.name}
    assert (found[purchases.name].summary, found[purchases.name].partitions) == ("kept for ever", 2)


def test_a_kafka_that_does_not_answer_is_one_clear_line(wanted: tuple[Topic, ...]) -> None:
    with pytest.raises(Unavailable, match=r"Kafka at 127\.0\.0\.1:1 does not answer .*lifecycle up"):
        asyncio.run(ensure("127.0.0.1:1", wanted))

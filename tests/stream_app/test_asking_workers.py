"""Republish and erase: a request reaches the worker, the answer is heard, and the result is looked at.

The other end is a worker of a few lines with a worker's answers: closed value, erasure, markers, states.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import orjson
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from state import Profile, Standing, encode_profile
from stream_app.cli import run
from stream_app.kafka_clients import client_options
from stream_app.outputs import erasure_json
from stream_app.redis_connection import connect
from stream_app.redis_records import SinkRecord
from stream_app.redis_sink import RedisSink
from stream_app.settings import Settings, load_settings
from stream_app.topic_admin import ensure
from stream_app.topics import changelog_name, declare
from stream_app.worker.changelog import stamped
from tests.stream_app.stage_changes import Json, change

pytestmark = pytest.mark.integration
PARTITIONS = 2
HOME = 1  # where murmur2 puts c1 and c2


class SmallWorker:
    """Answers control records of every partition, and pushes the stage changes to Redis."""

    def __init__(self, settings: Settings, producer: Any, client: Any, states: dict[str, Json]) -> None:
        self.prefix, self.changelog = settings.topic_prefix, changelog_name(settings)
        self.producer, self.states = producer, states
        told = dict.fromkeys(body["lifecycle"] for body in states.values())
        self.sink = RedisSink(client, settings.redis_prefix, list(told))

    async def answer(self, partition: int, request: Json) -> None:
        if "republish" in request:
            nonce = request["republish"].encode()
            await self.publish(partition, b"__republish__", b"{}", {"republish-begin": nonce})
            for body in self.states.values() if partition == HOME else ():
                key = body["customer_id"].encode()
                await self.publish(partition, key, orjson.dumps(body), {"republish": nonce})
            await self.publish(partition, b"__republish__", b"{}", {"republish-end": nonce})
        else:
            customer = request["erase"]
            key, body = customer.encode(), self.states.pop(customer, None)
            version = 0 if body is None else body["version"] + 1
            if body is not None:
                closed = encode_profile(Profile(standings=[Standing(version=version)]))
                await self.producer.send_and_wait(self.changelog, stamped(1, closed), key, partition)
            erasure = erasure_json(customer, "six-stage", version)
            await self.publish(partition, key, erasure, {"erase": b"1"})

    async def publish(self, partition: int, key: bytes, value: bytes, headers: dict[str, bytes]) -> None:
        topic = f"{self.prefix}stage-changes"
        sent = await self.producer.send_and_wait(topic, value, key, partition, headers=list(headers.items()))
        await self.sink.push(partition, [SinkRecord(sent.offset, key, value, headers)])


@asynccontextmanager
async def working(settings: Settings, states: dict[str, Json]) -> AsyncIterator[None]:
    options = client_options(settings)
    producer = AIOKafkaProducer(**options)
    consumer = AIOKafkaConsumer(**options, auto_offset_reset="earliest", enable_auto_commit=False)
    client = connect(settings.redis)
    worker = SmallWorker(settings, producer, client, states)
    await producer.start()
    await consumer.start()
    consumer.assign([TopicPartition(f"{settings.topic_prefix}ticks", p) for p in range(PARTITIONS)])

    async def work() -> None:
        async for record in consumer:
            await worker.answer(record.partition, orjson.loads(record.value))

    task = asyncio.create_task(work())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await consumer.stop()
        await producer.stop()
        await client.aclose()


@pytest.fixture
def settings(kafka: str, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("LIFECYCLE_KAFKA", kafka)
    monkeypatch.setenv("LIFECYCLE_REDIS", redis_url)
    monkeypatch.setenv("LIFECYCLE_PREFIX", f"ask-{uuid4().hex[:8]}")
    monkeypatch.setenv("LIFECYCLE_TOPICS__PARTITIONS", str(PARTITIONS))
    found = load_settings()
    asyncio.run(ensure(found.kafka, declare(found), client_options(found)))
    return found


def ask(settings: Settings, states: dict[str, Json], *words: str) -> int:
    """Runs a command while a worker works."""

    async def both() -> int:
        async with working(settings, states):
            return await asyncio.to_thread(run, words)

    return asyncio.run(both())


def states() -> dict[str, Json]:
    stages = {"c1": "loyalty", "c2": "purchase"}
    return {name: change(name, 3, stage, lifecycle="six-stage") for name, stage in stages.items()}


def test_republish_fills_an_empty_redis_and_show_reads_it(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ask(settings, states(), "republish", "--json") == 0
    said = json.loads(capsys.readouterr().out)

    assert said == {"partitions": 2, "states": 2, "checked": 2, "customers": {"six-stage": 2}}
    assert run(["show", "c1", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)["lifecycles"][0]
    assert (shown["fields"]["stage"], shown["rank"]) == ("loyalty", 2)
    assert run(["show", "c2"]) == 0
    text = capsys.readouterr().out
    assert "purchase since" in text
    assert "churn risk" in text


def two_lifecycles() -> dict[str, Json]:
    """What workers say of the same people in two lifecycles."""
    pairs = [(name, of) for name in ("c1", "c2") for of in ("b2b", "saas")]
    return {f"{name} in {of}": change(name, 3, "new", lifecycle=of) for name, of in pairs}


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["six-stage"], "the workers publish b2b, saas, but configured here is six-stage: "),
        (["saas"], "the workers publish b2b, but configured here is saas: "),
        (["b2b", "saas", "shop"], "the workers publish b2b, saas, but not shop, which is configured here: "),
    ],
)
def test_republish_claims_no_check_when_workers_publish_other_lifecycles(
    settings: Settings, capsys: pytest.CaptureFixture[str], asked: list[str], said: str
) -> None:
    assert settings.prefix
    words = [word for name in asked for word in ("--lifecycle", name)]

    assert ask(settings, two_lifecycles(), "republish", *words, "--timeout", "5") == 2
    captured = capsys.readouterr()
    line = captured.err.splitlines()[-1]
    assert said in line
    assert "name the workers' lifecycles" in line
    assert captured.out == ""


def test_republish_counts_what_it_compared(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    assert settings.prefix
    words = ["--lifecycle", "b2b", "--lifecycle", "saas", "--json"]

    assert ask(settings, two_lifecycles(), "republish", *words) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["states"], said["checked"], said["customers"]) == (4, 4, {"b2b": 2, "saas": 2})


def test_erase_proves_that_nothing_is_left(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    known = states()
    assert ask(settings, known, "republish", "--json") == 0
    capsys.readouterr()
    assert ask(settings, known, "erase", "c2", "--json") == 0
    proof = json.loads(capsys.readouterr().out)

    assert (proof["customer"], proof["known"], proof["changelog_version"]) == ("c2", True, 4)
    assert f"{settings.topic_prefix}purchases" in proof["kafka_may_hold"]
    assert run(["show", "c2"]) == 1
    assert "knows no customer" in capsys.readouterr().err


def test_how_long_kafka_keeps_records_is_what_kafka_says(
    settings: Settings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIFECYCLE_TOPICS__SOURCE_RETENTION", "7d")  # the topics were made with 30 days
    purchases = f"{settings.topic_prefix}purchases"

    assert run(["topics"]) == 0
    assert f"{purchases}  present, 2 partitions, kept 30 days (declared: kept 7 days)" in (
        capsys.readouterr().out.splitlines()
    )
    assert run(["topics", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)[purchases]
    assert (said["retention_ms"], said["declared_retention_ms"]) == (30 * 86_400_000, 7 * 86_400_000)
    assert ask(settings, states(), "erase", "c1") == 0
    assert f"  {purchases}: kept 30 days" in capsys.readouterr().out.splitlines()


def test_without_a_worker_both_say_so_and_fail(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert settings.kafka
    assert run(["erase", "c1", "--timeout", "1"]) == 1
    assert "no worker answers" in capsys.readouterr().err
    assert run(["republish", "--timeout", "1"]) == 1
    assert "no worker answers for partition 0, 1" in capsys.readouterr().err

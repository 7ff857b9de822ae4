"""Replays into a real Kafka: which bytes arrive where, and what the partitions are told."""

import asyncio
import contextlib
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import orjson
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from state import parse_instant
from stream_app.batch_sender import partition_of
from stream_app.cli import run
from stream_app.errors import Unavailable
from stream_app.replay import Progress, replay
from stream_app.settings import Settings, load_settings
from stream_app.sources import Record
from tests.stream_app.datasets import EXCERPTS, opened

pytestmark = pytest.mark.integration

PARTITIONS = 4


@pytest.fixture
def settings(kafka: str) -> Settings:
    """A prefix of its own for each test."""
    flags = {"kafka": kafka, "prefix": f"t{uuid.uuid4().hex[:10]}", "topics": {"partitions": PARTITIONS}}
    return load_settings(environment={}, **flags)


@contextlib.asynccontextmanager
async def reading(settings: Settings, topic: str) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = AIOKafkaConsumer(bootstrap_servers=settings.kafka, auto_offset_reset="earliest")
    await consumer.start()
    try:
        consumer.assign([TopicPartition(settings.topic_prefix + topic, p) for p in range(PARTITIONS)])
        yield consumer
    finally:
        await consumer.stop()


async def everything(settings: Settings, topic: str) -> list[list[tuple[bytes | None, bytes]]]:
    """Keys and values of a topic, by partition."""
    result: list[list[tuple[bytes | None, bytes]]] = [[] for _ in range(PARTITIONS)]
    async with reading(settings, topic) as consumer:
        ends = await consumer.end_offsets(consumer.assignment())
        while any([await consumer.position(place) < end for place, end in ends.items()]):
            for place, records in (await consumer.getmany(timeout_ms=500)).items():
                result[place.partition] += [(record.key, record.value) for record in records]
    return result


def excerpt() -> list[Record]:
    return list(opened(EXCERPTS / "online_retail_ii_first_400.csv", "online-retail").records)


def sent(settings: Settings, records: list[Record], speed: float | None = None) -> Progress:
    return asyncio.run(replay(records, settings, speed=speed))


def test_every_event_arrives_once_in_order_in_the_partition_of_its_customer(settings: Settings) -> None:
    records = excerpt()
    progress = sent(settings, records)
    arrived = asyncio.run(everything(settings, "purchases"))

    assert progress.sent == Counter(purchases=400)
    for partition, values in enumerate(arrived):
        expected = [
            (record.customer.encode(), record.value)
            for record in records
            if partition_of(record.customer.encode(), PARTITIONS) == partition
        ]
        assert values == expected


def test_other_clients_put_a_customer_into_the_same_partition(settings: Settings) -> None:
    sent(settings, excerpt())

    async def with_the_default_partitioner() -> list[int]:
        async with AIOKafkaProducer(bootstrap_servers=settings.kafka) as producer:
            topic = f"{settings.topic_prefix}purchases"
            return [
                (await producer.send_and_wait(topic, b"{}", key=str(n).encode())).partition for n in range(20)
            ]

    expected = [partition_of(str(n).encode(), PARTITIONS) for n in range(20)]
    assert asyncio.run(with_the_default_partitioner()) == expected


def test_a_line_without_a_time_before_the_first_event_keeps_nobody_waiting(settings: Settings) -> None:
    records, broken = excerpt()[:2], Record(0, "clickstream", "", b"{broken")
    replaying = replay([broken, *records], settings, speed=1e6)

    assert asyncio.run(asyncio.wait_for(replaying, 60)).first == records[0].at


def test_the_last_tick_tells_every_partition_the_end_and_its_offsets(settings: Settings) -> None:
    sent(settings, excerpt()[:3])
    arrived = asyncio.run(everything(settings, "purchases"))
    ticks = asyncio.run(everything(settings, "ticks"))

    topic = f"{settings.topic_prefix}purchases"
    for partition, told in enumerate(ticks):
        count = len(arrived[partition])
        assert orjson.loads(told[-1][1]) == {
            "at": "2009-12-01T09:06:00Z",
            "offsets": {topic: count} if count else {},
        }


def test_the_first_tick_comes_before_any_event_and_promises_nothing(settings: Settings) -> None:
    sent(settings, excerpt()[:3])
    ticks = asyncio.run(everything(settings, "ticks"))

    assert [orjson.loads(told[0][1]) for told in ticks] == PARTITIONS * [
        {"at": "1970-01-01T00:00:00.000001Z", "offsets": {}}
    ]


def test_a_tick_promises_no_more_than_what_lies_below_its_offsets(settings: Settings) -> None:
    """With a pause in the middle there are several ticks, also between events of one instant."""
    start = parse_instant("2020-01-01T00:00:00Z")
    times = [start + second * 1_000_000 for second in (0, 0, 1, 1, 1, 2, 3, 3)]
    records = [Record(at, "email", f"c{n}", b'{"n":%d}' % n) for n, at in enumerate(times)]
    sent(settings, records, speed=1.5)
    arrived = asyncio.run(everything(settings, "email"))
    ticks = asyncio.run(everything(settings, "ticks"))

    assert len(ticks[0]) > 2
    for partition, told in enumerate(ticks):
        positions = [records[int(orjson.loads(value)["n"])].at for _, value in arrived[partition]]
        reached = [orjson.loads(value) for _, value in told]
        assert [tick["at"] for tick in reached] == sorted({tick["at"] for tick in reached})
        for tick in reached:
            promised = tick["offsets"].get(f"{settings.topic_prefix}email", 0)
            assert all(at > parse_instant(tick["at"]) for at in positions[promised:])


def test_speed_is_a_multiple_of_real_time(settings: Settings) -> None:
    start = parse_instant("2020-01-01T00:00:00Z")
    records = [Record(start + n * 3_600_000_000, "email", "c1", b"{}") for n in range(3)]

    assert 0.9 < sent(settings, records, speed=7200).seconds < 3


def test_lines_that_nobody_can_read_are_sent_as_they_are(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_bytes(b"{broken\nnull\n" + b"x" * 3_000_000 + b"\n" + b"y" * 11_000_000)
    progress = sent(settings, list(opened(path, "events").records))
    arrived = asyncio.run(everything(settings, "clickstream"))

    values = [value for partition in arrived for _, value in partition]
    assert values == [b"{broken", b"null", b"x" * 3_000_000]
    assert progress.refused == Counter(too_large=1)


def test_an_empty_source_sends_nothing(settings: Settings) -> None:
    assert sent(settings, []).summary()["events"] == 0


def test_without_kafka_it_says_so() -> None:
    nowhere = load_settings(environment={}, kafka="127.0.0.1:9")

    with pytest.raises(Unavailable, match=r"Kafka at 127\.0\.0\.1:9 does not answer"):
        sent(nowhere, excerpt())


@pytest.fixture
def own_prefix(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("LIFECYCLE_PREFIX", f"t{uuid.uuid4().hex[:10]}")
    return


@pytest.mark.usefixtures("own_prefix")
def test_the_command_tells_what_it_sent(kafka: str, capsys: pytest.CaptureFixture[str]) -> None:
    source = str(EXCERPTS / "online_retail_ii_first_400.csv")
    flags = ["--format", "online-retail", "--simulate-touches", "--limit", "900", "--kafka", kafka, "--json"]

    assert run(["replay", source, *flags]) == 0
    told = capsys.readouterr()
    summary = orjson.loads(told.out)
    assert summary["events"] == sum(summary["topics"].values()) == 900
    assert "simulated" in summary["notice"]
    assert "simulated" in told.err


@pytest.mark.parametrize("flags", [["--speed", "fast"], ["--format", "parquet"], ["--order", "random"]])
def test_wrong_flags_are_wrong_usage(flags: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["replay", "x.csv", *flags]) == 2
    assert capsys.readouterr().err.count("\n") == 1

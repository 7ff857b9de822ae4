"""Reading dead letters from a Kafka that takes its time: all of them, or none."""

import asyncio
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from stream_app import cli, letters
from stream_app.embedded import EmbeddedServices
from stream_app.kafka_clients import client_options
from stream_app.settings import Settings, load_settings
from stream_app.topic_admin import ensure
from stream_app.topics import declare

pytestmark = pytest.mark.integration

LETTERS = 3
STANDSTILL_S = 3.0


async def read_while_it_stands_still(settings: Settings, services: EmbeddedServices) -> list[letters.Letter]:
    await ensure(settings.kafka, declare(settings))
    at = TopicPartition("lifecycle.dead-letters", 0)
    async with AIOKafkaProducer(**client_options(settings)) as producer:
        for number in range(LETTERS):
            await producer.send_and_wait(at.topic, b"%d" % number, partition=0)
    async with AIOKafkaConsumer(**client_options(settings), enable_auto_commit=False) as consumer:
        consumer.assign([at])
        services.broker.pause()
        asyncio.get_running_loop().call_later(STANDSTILL_S, services.broker.resume)
        return await letters._between(consumer, at, 0, LETTERS)


def test_a_kafka_that_stands_still_for_a_moment_hides_no_letter_and_a_limit_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with EmbeddedServices(tmp_path) as services:
        variables = {"LIFECYCLE_KAFKA": services.kafka, "LIFECYCLE_TOPICS__PARTITIONS": "1"}
        found = asyncio.run(read_while_it_stands_still(load_settings(environment=variables), services))
        flags = ["--kafka", services.kafka, "--data-dir", str(tmp_path), "--limit"]
        told = []
        for limit in (LETTERS - 1, LETTERS + 1):
            assert cli.run(["letters", *flags, str(limit)]) == 0
            told.append("looked at" in capsys.readouterr().err)

    assert told == [True, False]
    assert [letter.value for letter in found] == [b"0", b"1", b"2"]

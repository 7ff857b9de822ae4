"""`up`, `down` and `status` do what they say, as often as they are called."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import redis

from stream_app.embedded.background import look
from stream_app.embedded.record import read_record
from tests.stream_app.embedded.test_launch import ends_within

pytestmark = pytest.mark.integration


def lifecycle(*arguments: str | Path, code: int = 0) -> subprocess.CompletedProcess[str]:
    ended = subprocess.run(
        [sys.executable, "-m", "stream_app", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == code, ended.stderr
    return ended


@pytest.fixture
def data_dir(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    lifecycle("down", "--data-dir", tmp_path)


def test_up_is_idempotent_and_down_leaves_nothing_but_the_data(data_dir: Path) -> None:
    first = lifecycle("up", "--data-dir", data_dir)
    addresses = dict(line.split("=", 1) for line in first.stdout.splitlines())
    assert set(addresses) == {"LIFECYCLE_KAFKA", "LIFECYCLE_REDIS"}
    kafka, cache = look(data_dir)
    assert (kafka.state, cache.state) == ("running", "running")
    with redis.Redis.from_url(addresses["LIFECYCLE_REDIS"]) as client:
        client.set("kept", "yes")

    again = lifecycle("up", "--data-dir", data_dir, "--json")
    assert json.loads(again.stdout) == addresses
    assert [server.pid for server in look(data_dir)] == [kafka.pid, cache.pid]

    told = json.loads(lifecycle("status", "--data-dir", data_dir, "--json").stdout)
    assert told["kafka"]["address"] == addresses["LIFECYCLE_KAFKA"]
    assert told["redis"]["pid"] == cache.pid

    assert lifecycle("down", "--data-dir", data_dir).stdout == "stopped Kafka and Redis\n"
    assert kafka.pid is not None
    assert cache.pid is not None
    assert ends_within(kafka.pid, 1)
    assert ends_within(cache.pid, 1)
    assert lifecycle("down", "--data-dir", data_dir).stdout == f"nothing runs in {data_dir}\n"
    assert lifecycle("status", "--data-dir", data_dir).stdout == "# Kafka: stopped\n# Redis: stopped\n"

    back = lifecycle("up", "--data-dir", data_dir)
    assert back.stdout == first.stdout
    with redis.Redis.from_url(addresses["LIFECYCLE_REDIS"]) as client:
        assert client.get("kept") == b"yes"


def test_up_replaces_only_what_crashed_or_hangs(data_dir: Path) -> None:
    lifecycle("up", "--data-dir", data_dir)
    kafka, cache = look(data_dir)
    assert cache.pid is not None
    os.kill(cache.pid, signal.SIGSTOP)
    assert look(data_dir)[1].state == "not answering"

    lifecycle("up", "--data-dir", data_dir)

    kafka_now, cache_now = look(data_dir)
    assert kafka_now.pid == kafka.pid
    assert cache_now.pid != cache.pid
    assert (cache_now.state, cache_now.port) == ("running", cache.port)


def test_another_port_than_the_running_one_is_wrong_usage(data_dir: Path) -> None:
    lifecycle("up", "--data-dir", data_dir)
    port = look(data_dir)[0].port

    lifecycle("up", "--data-dir", data_dir, "--kafka-port", str(port))
    refused = lifecycle("up", "--data-dir", data_dir, "--kafka-port", "1", code=2)

    assert f"Kafka of this data directory runs on port {port}, not 1" in refused.stderr


def test_a_stranger_with_the_recorded_process_id_is_left_alone(data_dir: Path) -> None:
    with subprocess.Popen(["/bin/sleep", "1000"]) as stranger:
        directory = data_dir / "embedded" / "redis"
        directory.mkdir(parents=True)
        began = psutil.Process(stranger.pid).create_time() - 60
        (directory / "process.json").write_text(
            json.dumps({"pid": stranger.pid, "started": began, "port": 20_001})
        )
        assert read_record(directory / "process.json") is not None

        assert lifecycle("down", "--data-dir", data_dir).stdout == f"nothing runs in {data_dir}\n"

        assert stranger.poll() is None
        stranger.kill()

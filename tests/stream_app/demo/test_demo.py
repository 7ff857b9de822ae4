"""The command as people run it: an empty home, real services, and nothing left behind."""

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest
import redis
import requests

from stream_app.embedded.record import read_record
from tests.stream_app.demo.running import alive, lifecycle, running

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]


def directory(home: Path) -> Path:
    return home / ".local" / "share" / "lifecycle" / "demo"


def served(summary: dict[str, Any], customer: str) -> dict[str, str]:
    with redis.Redis.from_url(summary["redis"], decode_responses=True) as client:
        found: dict[str, str] = client.hgetall(f"lifecycle:customer:{{{customer}}}")
    found.pop("_sink", None)
    return found


def test_a_demo_that_exits_tells_everything_as_one_json_object_and_leaves_no_process(tmp_path: Path) -> None:
    stranger = directory(tmp_path) / "mine.txt"
    stranger.parent.mkdir(parents=True)
    stranger.write_text("keep me")

    ended = lifecycle(tmp_path, "demo", "--exit", "--limit", "2000", "--json")

    assert ended.returncode == 0, ended.stderr
    summary = json.loads(ended.stdout)
    assert sum(summary["events"].values()) == 2000
    assert sum(summary["stages"]["six-stage"].values()) == summary["customers"] > 20
    assert summary["transitions"]["entered"] == summary["customers"]
    assert set(summary["examples"]) == {"churn", "next_stage", "value"}
    assert min(summary["examples"].values()) > 100  # whole histories: even a short demo learns
    assert set(summary["models"]["six-stage"]) == {"churn", "next_stage", "value"}
    assert summary["dead_letters"] == 0
    assert summary["console"] is None  # for people who stay, or who ask for it
    assert summary["redis_agrees"]
    assert summary["events_per_second"] > 0
    assert "purchases" not in summary["simulated_topics"]
    for explained in ("simulated", "Ctrl-C", "lifecycle show", "metrics", "lifecycle up --data-dir"):
        assert explained in ended.stderr
    assert alive(tmp_path) == []
    assert stranger.read_text() == "keep me"

    # Redis kept its data: served again, it answers with the hashes of the summary.
    try:
        assert lifecycle(tmp_path, "up", "--data-dir", str(directory(tmp_path))).returncode == 0
        assert summary["samples"]
        for customer, fields in summary["samples"].items():
            assert served(summary, customer) == fields
    finally:
        lifecycle(tmp_path, "down", "--data-dir", str(directory(tmp_path)))


def test_a_demo_goes_on_until_ctrl_c_survives_a_dead_worker_and_admits_no_second_one(tmp_path: Path) -> None:
    with running(tmp_path, "demo", "--limit", "300", "--json", "--console") as demo:
        assert demo.stdout is not None
        summary = json.loads(demo.stdout.readline())
        assert f"In a browser: {summary['console']}\n" in (tmp_path / "stderr").read_text()
        page = requests.get(summary["console"], timeout=60)  # the address logs in
        assert (page.status_code, "<h1>Lifecycle now</h1>" in page.text) == (200, True)
        customer = summary["sample_customers"][0]
        assert served(summary, customer) == summary["samples"][customer]

        second = lifecycle(tmp_path, "demo", "--exit")
        assert (second.returncode, second.stdout) == (1, "")
        assert f"is used by another instance (pid {demo.pid})" in second.stderr.splitlines()[-1]

        record = directory(tmp_path) / "processes" / "worker" / "process.json"
        worker = read_record(record)
        assert worker is not None
        os.kill(worker.pid, signal.SIGKILL)
        deadline = time.monotonic() + 60
        while read_record(record) == worker and time.monotonic() < deadline:
            time.sleep(0.1)
        assert read_record(record) != worker

        demo.send_signal(signal.SIGINT)
        assert demo.wait(60) == 0
    assert "the worker ended unexpectedly" in (tmp_path / "stderr").read_text()
    assert alive(tmp_path) == []

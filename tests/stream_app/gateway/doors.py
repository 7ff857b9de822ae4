"""A running `lifecycle gateway` as senders see it, and what stands on Kafka afterwards."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import psutil
import requests

from stream_app.topics import SOURCES
from tests.integration.workers import Found, Tenant

PATIENCE_S = 120.0
KEY, READ_KEY = "wk-website", "rk-website"


class Door:
    """One gateway process.

    Args:
        process: Running.
        log: Its standard error.
        tenant: Whose topics it writes.
    """

    def __init__(self, process: "subprocess.Popen[bytes]", log: Path, tenant: Tenant) -> None:
        self.process = process
        self.log = log
        self.tenant = tenant
        self.url = ""

    def said(self) -> list[dict[str, Any]]:
        lines = self.log.read_text("utf-8").splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def await_address(self) -> None:
        def listening() -> bool:
            assert self.process.poll() is None, self.log.read_text("utf-8")[-3000:]
            found = [record["address"] for record in self.said() if record["event"] == "listening"]
            self.url = found[0] if found else ""
            return bool(self.url)

        until(listening)

    def await_kafka(self) -> None:
        until(lambda: requests.get(f"{self.url}/readyz", timeout=30).status_code == 200)

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def post(self, path: str, body: Any, *, key: str | None = KEY, **headers: str) -> requests.Response:
        """Send a body, bytes as they are and anything else as JSON."""
        content = body if isinstance(body, bytes) else orjson.dumps(body)
        return requests.post(
            self.url + path, content, headers=headers, auth=(key, "") if key else None, timeout=60
        )

    def resident(self) -> int:
        return int(psutil.Process(self.process.pid).memory_info().rss)

    def metric(self, name: str, **labels: str) -> float:
        """The sum of a metric over all that carry these labels."""
        wanted = [f'{label}="{value}"' for label, value in labels.items()]
        (address,) = (record["address"] for record in self.said() if record["event"] == "metrics")
        page = requests.get(address, timeout=30).text
        rows = [line.rpartition(" ") for line in page.splitlines() if not line.startswith("#")]
        return sum(
            float(value)
            for labelled, _, value in rows
            if labelled.partition("{")[0] == name and all(each in labelled for each in wanted)
        )

    def arrived(self) -> dict[str, list[Found]]:
        """Everything on the source topics, by short name."""
        return {name: self.tenant.records(self.tenant.topic(name)) for name in SOURCES}

    def events(self) -> list[dict[str, Any]]:
        """Every event on the source topics."""
        return [
            orjson.loads(found.value)
            for topic in self.arrived().values()
            for found in topic
            if found.value is not None
        ]

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(PATIENCE_S)


@contextmanager
def gateway(tenant: Tenant, *, wait: bool = True, **variables: str) -> Iterator[Door]:
    """A gateway for as long as the block; it must end well."""
    log = tenant.directory / "gateway.log"
    clean = {name: value for name, value in os.environ.items() if not name.startswith("LIFECYCLE_")}
    keys = {
        "LIFECYCLE_GATEWAY__KEYS__WEBSITE__KEY": KEY,
        "LIFECYCLE_GATEWAY__READ_KEYS__WEBSITE__KEY": READ_KEY,
        "LIFECYCLE_LOG__FORMAT": "json",
    }
    with log.open("wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "stream_app", "gateway", "--port", "0"],
            env={**clean, **tenant.environment, **keys, **variables},
            stdout=subprocess.DEVNULL,
            stderr=stderr,
        )
    door = Door(process, log, tenant)
    try:
        door.await_address()
        if wait:
            door.await_kafka()
        yield door
        assert door.stop() == 0, log.read_text("utf-8")[-3000:]
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def until(condition: Any, seconds: float = PATIENCE_S) -> None:
    """Wait until it holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"{condition} did not come true in {seconds:.0f} s"
        time.sleep(0.1)


def track(number: int, **more: Any) -> dict[str, Any]:
    """A small good event."""
    return {
        "type": "track", "event": "Product Viewed", "messageId": f"m{number}", "userId": f"u{number % 50}",
        "timestamp": "2026-01-05T14:10:16.735Z",
    } | more  # fmt: skip

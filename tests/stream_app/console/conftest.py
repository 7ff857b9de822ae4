"""One demo with its console for all who look at it in a browser, with visitors who wish it ill."""

import asyncio
import json
import signal
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from aiokafka import AIOKafkaProducer
from selenium.webdriver import Chrome

from stream_app.batch_sender import partition_of
from stream_app.embedded.record import read_record
from tests.browser import chromium
from tests.stream_app.console.counted import Counted, count
from tests.stream_app.console.looking import Onlooker
from tests.stream_app.console.shown import EVIL
from tests.stream_app.demo.running import alive, running

HOSTILE = (
    EVIL,
    "\u202eright to left \u05e9\u05dc\u05d5\u05dd",
    "\U0001f6d2\U0001f469\u200d\U0001f467",
    "long" * 60,
    "=cmd()'\"&",
)
BROKEN = f'{{"event": "{EVIL}", '.encode()
DOUBTFUL = {
    "type": "track",
    "event": "Order Completed",
    "userId": "repaired",
    "timestamp": "yesterday",
    "messageId": "d-1",
}


class Live(NamedTuple):
    """A running demo, and what its topics say.

    Attributes:
        home: Home directory of the demo.
        summary: What it printed.
        worker: Address of the worker's metrics.
        counted: The independent count.
    """

    home: Path
    summary: dict[str, Any]
    worker: str
    counted: Counted

    def pid(self, part: str) -> int:
        """Of a process of the demo, by its directory."""
        record = read_record(self.home / ".local/share/lifecycle/demo" / part / "process.json")
        assert record is not None
        return record.pid


@pytest.fixture(scope="package")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A demo of some thousand events that goes on, and hostile customers in it."""
    home = tmp_path_factory.mktemp("home")
    with running(home, "demo", "--limit", "3000", "--json", "--console") as demo:
        assert demo.stdout is not None
        line = demo.stdout.readline()
        assert line, (home / "stderr").read_text()[-3000:]
        summary = json.loads(line)
        asyncio.run(send_hostile(summary["kafka"], summary["last_event_time"]))
        counted = asyncio.run(settled(summary["kafka"]))
        worker = read_record(home / ".local/share/lifecycle/demo/processes/worker/process.json")
        assert worker is not None
        yield Live(home, summary, f"http://127.0.0.1:{worker.port}/metrics", counted)
        demo.send_signal(signal.SIGINT)
        assert demo.wait(60) == 0
    assert alive(home) == []


@pytest.fixture(scope="package")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    """One browser for all: starting one takes longer than most tests."""
    with chromium(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.fixture
def onlooker(live: Live, window: Chrome) -> Onlooker:
    """Somebody who has opened the address that the demo printed, on a desktop, in light."""
    window.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    window.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    window.get(live.summary["console"])
    return Onlooker(window, live.summary["console"].partition("/login")[0])


async def send_hostile(kafka: str, after: str) -> None:
    """Orders of customers with hostile ids, an event with a hostile name, and two records that are refused."""
    at = datetime.fromisoformat(after)
    async with AIOKafkaProducer(bootstrap_servers=kafka) as producer:
        partitions = len(await producer.partitions_for("lifecycle.purchases"))
        offsets: list[dict[str, int]] = [{} for _ in range(partitions)]

        async def send(topic: str, customer: str, value: bytes) -> None:
            place = partition_of(customer.encode(), partitions)
            name = f"lifecycle.{topic}"
            sent = await producer.send_and_wait(name, value, key=customer.encode(), partition=place)
            offsets[place][name] = sent.offset + 1

        for number, customer in enumerate(HOSTILE):
            for event, topic in (("Order Completed", "purchases"), (EVIL, "clickstream")):
                at += timedelta(seconds=1)
                body = {
                    "messageId": f"h-{number}-{topic}", "type": "track", "event": event, "userId": customer,
                    "timestamp": at.isoformat(), "properties": {"revenue": 90_000.0 + number},
                }  # fmt: skip
                await send(topic, customer, json.dumps(body).encode())
        await send("clickstream", "broken", BROKEN)
        await send("purchases", "repaired", json.dumps(DOUBTFUL).encode())
        for place, known in enumerate(offsets):  # the worker goes by event time: it need not wait for more
            tick = json.dumps(
                {"at": f"{at + timedelta(seconds=1):%Y-%m-%dT%H:%M:%S}Z", "offsets": known}
            ).encode()
            await producer.send_and_wait("lifecycle.ticks", tick, partition=place)


async def settled(kafka: str) -> Counted:
    """The count once everything hostile has been worked off."""
    while True:
        counted = await count(kafka)
        if sum(counted.letters.values()) >= 2 and set(HOSTILE) <= counted.known:
            return counted
        await asyncio.sleep(0.5)

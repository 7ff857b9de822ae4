"""How soon is each view of the console there with a million customers?

The topic of stage changes is written in full (a customer enters, moves on, is scored again) and read back by the console,
as after a lost history file. Then every view is asked for over HTTP and opened in a browser.
"""

import argparse
import asyncio
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from statistics import median
from time import perf_counter, sleep
from typing import Any

import orjson
import requests
from aiokafka import AIOKafkaProducer

from state import format_instant, parse_instant
from stream_app.batch_sender import partition_of
from stream_app.scoring import load_lifecycles
from stream_app.settings import Settings
from stream_app.topic_admin import ensure
from stream_app.topics import declare
from tests.bench.arena import arena
from tests.bench.report import Report, console
from tests.browser import chromium

NAME = "console"
QUICK = {"customers": 2_000, "rounds": 2}
_DAY_US = 86_400_000_000
_BEGIN = parse_instant("2025-01-01T00:00:00Z")
_VIEWS = {
    "now": "/",
    "now_30_days": "/?days=30",
    "transitions": "/transitions",
    "behind": "/transitions/customers?before=awareness&after=consideration",
    "customer": "/customer?id=c-1",
    "risk": "/risk",
    "by_risk": "/risk?sort=risk",
    "of_a_stage": "/risk?stage=loyalty",
    "by_alert": "/risk?sort=alerts",
    "models": "/models",
    "health": "/health",
}
_SHOWN = "return performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Sizes; the defaults are what the table in the README was made with."""
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument(
        "--rounds", type=int, default=9, help="each view is asked for so often; the median counts"
    )


async def run(options: argparse.Namespace) -> Report:
    """Fill, read back, look."""
    report = Report(
        NAME, sizes={key: value for key, value in vars(options).items() if isinstance(value, int)}
    )
    async with arena() as ground:
        settings = ground.settings(NAME, 8)
        await ensure(settings.kafka, declare(settings))
        console.print(f"writing the history of {options.customers:,} customers")
        records = await _write(settings, options.customers)
        await asyncio.to_thread(_look, report, options, settings, records)
    return report


def _history(customers: int) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Stage changes and alerts, as workers tell them: topic, customer, record."""
    stages = [stage.name for stage in load_lifecycles(["six-stage"])[0].stages]
    chance = random.Random(7)
    for number in range(customers):
        customer = f"c-{number}"
        at, most = (
            _BEGIN + chance.randrange(300 * _DAY_US),
            chance.choices(range(1, 7), (30, 20, 20, 15, 10, 5))[0],
        )
        revenue, risk = 0.0, 0.0
        for version, (before, after) in enumerate(pairwise([None, *stages[:most]]), 1):
            at += chance.randrange(1, 12 * _DAY_US)
            revenue += chance.expovariate(1 / 80) if version > 2 else 0.0
            risk = round(chance.random(), 4)
            body = {
                "customer_id": customer, "lifecycle": "six-stage", "stage": after, "previous_stage": before,
                "reason": "advanced" if before else "entered", "since": format_instant(at), "churn_risk": risk,
                "next_stage": stages[-1], "next_stage_probability": 0.2, "value_segment": "low",
                "recommended_action": "usage guide", "event_time": format_instant(at), "version": version,
                "model_version": 1, "cycle": 1, "orders": version, "revenue": round(revenue, 2), "refunds": 0.0,
            }  # fmt: skip
            yield "stage-changes", customer, body
        yield "stage-changes", customer, {**body, "version": most + 1, "reason": "rescored"}
        if risk > 0.9:
            reasons = [{"text": "last order 82 days ago, usually every 21 days: raises the risk"}]
            told = {**body, "status": "raised", "raised_at": body["event_time"], "reasons": reasons}
            yield "churn-alerts", customer, told


async def _write(settings: Settings, customers: int) -> int:
    written, partitions = 0, settings.topics.partitions
    async with AIOKafkaProducer(
        bootstrap_servers=settings.kafka, linger_ms=50, max_batch_size=500_000
    ) as producer:
        for topic, customer, body in _history(customers):
            key = customer.encode()
            place = partition_of(key, partitions)
            await producer.send(
                f"{settings.topic_prefix}{topic}", orjson.dumps(body), key=key, partition=place
            )
            written += 1
    return written


def _look(report: Report, options: argparse.Namespace, settings: Settings, records: int) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LIFECYCLE_")} | {
        "LIFECYCLE_KAFKA": settings.kafka,
        "LIFECYCLE_REDIS": settings.redis,
        "LIFECYCLE_PREFIX": settings.prefix,
        "LIFECYCLE_DATA_DIR": str(settings.data_dir),
        "LIFECYCLE_TOPICS__PARTITIONS": str(settings.topics.partitions),
    }
    command = [sys.executable, "-m", "stream_app", "console", "--port", "0"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
    ) as process:
        try:
            assert process.stdout is not None
            login = process.stdout.readline().removeprefix("console: ").strip()
            report.figures["reading back"] = _read_back(login, records, settings.data_dir)
            server, browser = _asked(login, options.rounds), _opened(login, options.rounds, settings.data_dir)
        finally:
            process.terminate()
    report.figures |= {name: {"server_ms": server[name], "browser_ms": browser[name]} for name in _VIEWS}
    first = browser["first view of a new browser"]
    report.figures["first view of a new browser"] = {"browser_ms": first}
    report.ratio("seconds until the first view can be read", first / 1e3, "<=", 1.0)
    report.ratio("seconds of the slowest view in a browser", max(browser.values()) / 1e3, "<=", 1.0)


def _read_back(login: str, records: int, home: Path) -> dict[str, Any]:
    base, began = login.partition("/login")[0], perf_counter()
    while True:
        told = requests.get(f"{base}/readyz", timeout=60).json()
        if told["status"] == "ready" and not told["waiting"] and perf_counter() - began > 5:
            break
        sleep(1.0)
    seconds = perf_counter() - began
    size = sum(path.stat().st_size for path in (home / "console").glob("*.sqlite*"))
    return {
        "records": records,
        "seconds": round(seconds, 1),
        "records_per_second": round(records / seconds),
        "bytes_per_record": round(size / records, 1),
    }


def _asked(login: str, rounds: int) -> dict[str, float]:
    base, session = login.partition("/login")[0], requests.Session()
    session.get(login, timeout=60).raise_for_status()

    def once(path: str) -> float:
        began = perf_counter()
        session.get(base + path, timeout=60).raise_for_status()
        return (perf_counter() - began) * 1e3

    return {name: round(median(once(path) for _ in range(rounds)), 1) for name, path in _VIEWS.items()}


def _opened(login: str, rounds: int, home: Path) -> dict[str, float]:
    """From the click until something can be read, charts drawn; a page is seen with empty and with full caches."""
    base = login.partition("/login")[0]
    with chromium(home / "profile") as browser:
        browser.get(login)

        def once(path: str) -> float:
            began = perf_counter()
            browser.get(base + path)  # returns when everything has loaded and the charts are drawn
            return (perf_counter() - began) * 1e3

        first = float(browser.execute_script(_SHOWN))
        return {"first view of a new browser": round(first, 1)} | {
            name: round(median(once(path) for _ in range(rounds)), 1) for name, path in _VIEWS.items()
        }

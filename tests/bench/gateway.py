"""What does it cost that nothing is lost? The gateway, and on the same server applications that only parse the body.

The gateway also checks the key, judges each event, corrects its time, and answers when every replica of Kafka has it.
"""

import argparse
import asyncio
import socket
import sys
import uuid
from collections.abc import Iterator
from statistics import median
from typing import Any

import orjson

from tests.bench.arena import Arena, arena
from tests.bench.http_load import requests_per_second
from tests.bench.processes import Running
from tests.bench.report import Report, console

NAME = "gateway"
QUICK = {"seconds": 2, "rounds": 1}
_KEY = "bench"
_EVENTS = ("Product Viewed", "Product Added", "Email Opened", "Order Completed", "Product Viewed")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Sizes; the defaults are what the table in the README was made with."""
    parser.add_argument("--seconds", type=int, default=8, help="of each contender at each size in each round")
    parser.add_argument("--rounds", type=int, default=5, help="the contenders take turns; the median counts")
    parser.add_argument(
        "--connections",
        type=int,
        default=128,
        help="enough that the gateway computes while others wait for Kafka",
    )
    parser.add_argument("--customers", type=int, default=20_000)


async def run(options: argparse.Namespace) -> Report:
    """Take turns."""
    report = Report(
        NAME, sizes={key: value for key, value in vars(options).items() if isinstance(value, int)}
    )
    async with arena() as ground:
        ports = {name: _free_port() for name in ("gateway", "bare", "bare_plain")}
        settings = ground.settings("gw", 8)
        await ground.prepare(settings)
        with (
            _gateway(ground, ports["gateway"]) as ours,
            _bare(ground, ports["bare"], "app") as bare,
            _bare(ground, ports["bare_plain"], "plain") as plain,
        ):
            processes = {"gateway": ours, "bare": bare, "bare_plain": plain}
            for name, port in ports.items():
                await _answers(port, processes[name])
            measured: dict[tuple[str, int], list[dict[str, float]]] = {}
            for number in range(options.rounds):
                for size in (1, 100):
                    requests = _requests(size, options.customers)
                    for name, port in ports.items():
                        console.print(f"round {number + 1} of {options.rounds}: {name}, {size} in a batch")
                        found = await _measured(processes[name], port, requests, size, options)
                        measured.setdefault((name, size), []).append(found)
    for (name, size), rounds in measured.items():
        figures = {key: round(median(each[key] for each in rounds), 2) for key in rounds[0]}
        report.figures[_contender(name, size)] = figures
    _compare(report)
    return report


def _compare(report: Report) -> None:
    """Our rate over that of either parser alone, and the same by CPU, which depends less on what else runs."""
    for size in (1, 100):
        ours = report.figures[_contender("gateway", size)]
        for bare, name in (("bare", f"batch_{size}"), ("bare_plain", f"batch_{size}_stdlib_json")):
            theirs = report.figures[_contender(bare, size)]
            ratio = ours["events_per_second"] / theirs["events_per_second"]
            if size == 100:
                report.ratio(name, ratio, ">=", 0.5)
            else:
                report.ratios[name] = round(ratio, 4)
            report.ratios[f"cpu_{name}"] = round(theirs["cpu_us_per_event"] / ours["cpu_us_per_event"], 4)


def _contender(name: str, size: int) -> str:
    return f"{name}_batch_{size}"


async def _measured(
    process: Running, port: int, requests: list[bytes], size: int, options: argparse.Namespace
) -> dict[str, float]:
    await requests_per_second(port, requests, options.connections, 1.0)  # warm
    before = process.cpu()
    rate = await requests_per_second(port, requests, options.connections, options.seconds)
    cpu = process.cpu() - before
    process.check()
    return {
        "events_per_second": rate * size,
        "cpu_us_per_event": cpu * 1e6 / (rate * options.seconds * size),
    }


def _requests(size: int, customers: int) -> list[bytes]:
    """Requests as an SDK on a server sends them."""
    events = _events(customers)
    return [_request([next(events) for _ in range(size)]) for _ in range(max(40, 4000 // size))]


def _events(customers: int) -> Iterator[dict[str, Any]]:
    number = 0
    while True:
        number += 1
        yield {
            "type": "track",
            "userId": f"c{number * 7919 % customers}",
            "anonymousId": None,
            "event": _EVENTS[number % len(_EVENTS)],
            "messageId": str(uuid.UUID(int=number)),
            "timestamp": f"2026-01-05T14:10:16.{number * 7919 % 1_000_000:06d}+00:00",
            "properties": {
                "product_id": f"p{number % 500}", "sku": f"s{number % 500}", "price": 19.5, "quantity": 1,
                "currency": "EUR", "revenue": 22.5, "category": "Games", "url": f"https://shop.example/{number}",
            },
            "context": {"library": {"name": "analytics-python", "version": "2.4.0"}},
            "integrations": {},
        }  # fmt: skip


def _request(batch: list[dict[str, Any]]) -> bytes:
    body = orjson.dumps({"batch": batch, "sentAt": "2026-01-05T14:10:17.235708+00:00", "writeKey": _KEY})
    head = (
        "POST /v1/batch HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"User-Agent: analytics-python/2.4.0\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _gateway(ground: Arena, port: int) -> Running:
    environment = {
        "LIFECYCLE_KAFKA": ground.services.kafka,
        "LIFECYCLE_PREFIX": "gw",
        "LIFECYCLE_GATEWAY__PORT": str(port),
        "LIFECYCLE_GATEWAY__KEYS__BENCH__KEY": _KEY,
        "LIFECYCLE_GATEWAY__EVENTS_PER_SECOND": "100000000",
        "LIFECYCLE_LOG__FORMAT": "json",
    }
    return Running("gateway", ["-m", "stream_app", "gateway"], ground.directory / "gateway.log", environment)


def _bare(ground: Arena, port: int, app: str) -> Running:
    words = [
        "-m", "uvicorn", f"tests.bench.contenders.bare_asgi:{app}", "--port", str(port), "--loop", "uvloop",
        "--http", "httptools", "--lifespan", "off", "--no-access-log", "--no-server-header", "--no-date-header",
        "--no-proxy-headers", "--log-level", "error",
    ]  # fmt: skip
    return Running(f"bare {app}", words, ground.directory / f"bare-{app}.log")


async def _answers(port: int, process: Running) -> None:
    """Wait until it takes an event."""
    event = _request([next(_events(1))])
    for _ in range(600):
        process.check()
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(event)
            answer = await asyncio.wait_for(reader.read(4096), 30)
            writer.close()
            if b" 200 " in answer[:20]:
                return
        except OSError:
            pass
        await asyncio.sleep(0.2)
    sys.exit(f"{process.name} does not answer; see {process.log}")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port

"""How long from an event's arrival until its effect can be read in Redis? Open-loop, against a floor without state."""

import argparse
import asyncio
import json
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from time import monotonic
from typing import Any

from stream_app.settings import Settings
from tests.bench.arena import Arena, arena
from tests.bench.contenders.spec import Spec
from tests.bench.open_loop import OpenLoop
from tests.bench.processes import Running
from tests.bench.recovery import taken_over
from tests.bench.report import Report, console
from tests.bench.traffic import ORDER, SEED, Population, Sent, event, live

NAME = "latency"
QUICK = {"customers": 1_000, "calibrate": 10_000, "warm_up": 2, "seconds": 5, "rate": 2_000.0}
PROBE = b"probe-"
"""Customers whose one order is watched for; every order is published, so every probe must arrive."""
_EVERY = 25  # one event in so many is a probe: about as many as there are orders in the mix
_PATIENCE_S = 60.0
"""How long after the last event a probe is waited for: what comes late counts as late, what never comes is missing."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Sizes; the defaults are what the table in the README was made with."""
    parser.add_argument("--customers", type=int, default=50_000)
    parser.add_argument(
        "--calibrate", type=int, default=1_000_000, help="events by which our own throughput is found"
    )
    parser.add_argument("--rate", type=float, default=0.0, help="our throughput, if it is known; events/s")
    parser.add_argument(
        "--warm-up", type=float, default=30.0, help="seconds at the same rate before, see the README"
    )
    parser.add_argument("--seconds", type=float, default=60.0, help="of each measurement")
    parser.add_argument("--partitions", type=int, default=4)
    parser.add_argument("--fetch-wait", default="", help="worker.fetch_wait, such as 5ms, if not the default")


async def run(options: argparse.Namespace) -> Report:
    """Find our throughput, then measure ours and the floor at the same two rates."""
    report = Report(
        NAME, sizes={key: value for key, value in vars(options).items() if isinstance(value, int | float)}
    )
    population = Population(options.customers, options.partitions)
    async with arena() as ground:
        rate = options.rate or await _calibrate(ground, population, options, report)
        for share in (0.5, 0.8):
            span = options.warm_up + options.seconds
            events = _with_probes(population, int(rate * share * span), ground.until)
            for name in ("floor", "ours"):
                console.rule(f"{name} at {share:.0%} ({rate * share:,.0f} events/s)")
                prefix = f"{name}{share:.0%}".replace("%", "")
                settings = ground.settings(prefix, options.partitions, redis=len(report.figures) + 1)
                await ground.prepare(settings)
                if name == "ours":
                    await ground.settle(settings, population)
                figures = await _measure(ground, settings, name, events, rate * share, options)
                report.figures[f"{name}_at_{share:.0%}"] = figures
    figures = report.figures
    report.ratio(
        "p99_over_floor", figures["ours_at_50%"]["p99_ms"] / figures["floor_at_50%"]["p99_ms"], "<=", 3.0
    )
    report.ratios["p99_over_floor_at_80"] = round(
        figures["ours_at_80%"]["p99_ms"] / figures["floor_at_80%"]["p99_ms"], 4
    )
    report.judge("missing", sum(each.get("missing", 0) for each in figures.values()), "==", 0)
    return report


async def _calibrate(
    ground: Arena, population: Population, options: argparse.Namespace, report: Report
) -> float:
    console.rule("throughput")
    settings = ground.settings("calibrate", options.partitions, redis=15)
    await ground.prepare(settings)
    await ground.settle(settings, population)
    events = _with_probes(population, options.calibrate, ground.until, seed=8)
    figures = await ground.measure(settings, events, options.calibrate)
    report.figures["throughput"] = figures
    return float(figures["events_per_second"])


def _with_probes(population: Population, count: int, until: int, seed: int = SEED) -> list[Sent]:
    """The mix, with an order of a new customer in every so-manieth place: our throughput is of the same events."""
    events = list(live(population, count, until, seed=seed))
    for number in range(0, count, _EVERY):
        customer = f"{PROBE.decode()}{number}"
        moment = json.loads(events[number].value)["timestamp"]
        value = event(ORDER, number, customer, customer, moment)
        events[number] = Sent(2, -1, customer, value)
    return events


async def _measure(
    ground: Arena,
    settings: Settings,
    name: str,
    events: Sequence[Sent],
    rate: float,
    options: argparse.Namespace,
) -> dict[str, Any]:
    spec = Spec(
        name=f"latency-{settings.prefix}",
        kafka=settings.kafka,
        redis=settings.redis,
        prefix=settings.topic_prefix,
        partitions=settings.topics.partitions,
        customers=1,
        events=len(events),
        until=ground.until,
        directory=str(ground.directory / f"latency-{settings.prefix}"),
    )
    path = spec.write()
    ready = Path(spec.directory) / "ready"
    log = ground.directory / f"{spec.name}.log"
    arguments = [
        "-m",
        "tests.bench.contenders.watcher",
        str(path),
        "lifecycle:" if name == "floor" else settings.redis_prefix,
        str(len(range(0, len(events), _EVERY))),
    ]
    with (
        Running("watcher", arguments, log) as watcher,
        _contender(ground, settings, name, path, options.fetch_wait) as process,
    ):
        await _ready(process, name, ready)
        async with OpenLoop(settings, rate) as loop:
            sending = asyncio.create_task(loop.send(events))
            await asyncio.sleep(options.warm_up)
            cpu, sent = process.cpu(), loop.sent
            await sending
        used, measured = process.cpu() - cpu, len(events) - sent
        await _all_seen(spec.result, process)
        watcher.stop()
    seen = {int(number): moment for number, moment in json.loads(spec.result.read_bytes()).items()}
    first = int(rate * options.warm_up)
    probes = [number for number in range(0, len(events), _EVERY) if number >= first]
    latencies = sorted(
        (seen[number] - loop.begin) / 1e6 - number / rate * 1e3 for number in probes if number in seen
    )
    return {
        "events_per_second": round(rate, 1),
        "probes": len(probes),
        "missing": len(probes) - len(latencies),
        **{f"p{text}_ms": round(_quantile(latencies, share), 2) for text, share in _QUANTILES},
        "max_ms": round(latencies[-1], 2) if latencies else None,
        "producer_behind_ms": round(loop.latest * 1e3, 2),
        "cpu_us_per_event": round(used / measured * 1e6, 3),
    }


async def _all_seen(result: Path, process: Running) -> None:
    """Wait until the watcher has seen every probe, or patience ends."""
    begun = monotonic()
    while not await asyncio.to_thread(result.exists) and monotonic() - begun < _PATIENCE_S:
        process.check()
        await asyncio.sleep(0.2)


_QUANTILES = (("50", 0.5), ("95", 0.95), ("99", 0.99), ("99_9", 0.999))


def _quantile(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else float("inf")


def _contender(
    ground: Arena, settings: Settings, name: str, path: Path, fetch_wait: str
) -> AbstractContextManager[Running]:
    if name == "ours":
        variables = {"LIFECYCLE_WORKER__FETCH_WAIT": fetch_wait} if fetch_wait else {}
        worker = ground.worker(settings, number=1, **variables)
        worker.log.unlink(missing_ok=True)
        return worker
    log = ground.directory / f"{settings.prefix}-floor.log"
    return Running("floor", ["-m", "tests.bench.contenders.floor", str(path)], log)


async def _ready(process: Running, name: str, watcher: Path) -> None:
    if name == "ours":
        await taken_over(process)
    while not await asyncio.to_thread(watcher.exists) or (
        name == "floor" and "ready" not in process.log.read_text("utf-8")
    ):
        process.check()
        await asyncio.sleep(0.05)
    await asyncio.sleep(1.0)

"""What do metrics cost? The same worker with its metrics timed from within, and with none.

The difference between two runs is smaller than what differs between any two runs on a shared machine. So the cost is
measured where it arises, as CPU time of the calls; the worker without metrics is shown beside it.
"""

import argparse
import re
import urllib.request
from collections.abc import Mapping
from typing import Any, Final

from stream_app.embedded.ports import choose_port
from stream_app.topics import SOURCES
from tests.bench.arena import Arena, arena
from tests.bench.metered import SECONDS
from tests.bench.processes import Running, steady, watch
from tests.bench.report import Report
from tests.bench.traffic import Population, live
from tests.bench.turns import in_turns

NAME = "metrics"
QUICK = {"customers": 2_000, "events": 20_000, "rounds": 1}
_SCRAPES: Final = 40
_SCRAPE_EVERY_S: Final = 15.0
"""As in deploy/prometheus/prometheus.yml."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Sizes; the defaults are what the table in the README was made with."""
    parser.add_argument("--customers", type=int, default=20_000)
    parser.add_argument("--events", type=int, default=200_000, help="of each run")
    parser.add_argument("--rounds", type=int, default=2, help="the contenders take turns; all rounds count")
    parser.add_argument("--partitions", type=int, default=8)


async def run(options: argparse.Namespace) -> Report:
    """Take turns."""
    report = Report(
        NAME, sizes={key: value for key, value in vars(options).items() if isinstance(value, int)}
    )
    rounds: dict[str, list[dict[str, float]]] = {"timed": [], "without": []}
    async with arena() as ground:
        for number, name in in_turns(list(rounds), options.rounds):
            rounds[name].append(await _measure(ground, name, number, options))
    for name, measured in rounds.items():
        report.figures[name] = {
            key: round(sum(each[key] for each in measured) / len(measured), 4) for key in measured[0]
        }
    with_metrics, without = report.figures["timed"], report.figures["without"]
    updates = with_metrics["metrics_cpu_us_per_event"] / with_metrics["cpu_us_per_event"]
    scrapes = with_metrics["cpu_ms_per_scrape"] / 1e3 / _SCRAPE_EVERY_S / with_metrics["cores_used"]
    report.ratios["updates"], report.ratios["scrapes"] = round(updates, 5), round(scrapes, 5)
    report.ratio("cost", updates + scrapes, "<=", 0.02)
    report.ratios["with_over_without_cpu"] = round(
        with_metrics["cpu_us_per_event"] / without["cpu_us_per_event"], 4
    )
    return report


async def _measure(ground: Arena, name: str, number: int, options: argparse.Namespace) -> dict[str, float]:
    settings = ground.settings(f"{name}-{number}", options.partitions, redis=1 + number)
    population = Population(options.customers, options.partitions, ())
    await ground.prepare(settings)
    await ground.fill(settings, live(population, options.events, ground.until), options.events)
    port = choose_port()
    environment = {
        "LIFECYCLE_KAFKA": settings.kafka,
        "LIFECYCLE_REDIS": settings.redis,
        "LIFECYCLE_PREFIX": settings.prefix,
        "LIFECYCLE_DATA_DIR": str(settings.data_dir),
        "LIFECYCLE_TOPICS__PARTITIONS": str(options.partitions),
        "LIFECYCLE_METRICS__PORT": str(port),
    }
    command = ["-m", "tests.bench.metered", name, "worker"]
    log = ground.directory / f"{settings.prefix}.log"
    with Running(name, command, log, environment) as worker:
        topics = [settings.topic_prefix + source for source in SOURCES]
        async with ground.position(settings.prefix, topics) as position:
            samples = await watch([worker], position, options.events, services=ground.processes())
        figures = steady(samples, options.events)
        if name == "timed":
            figures |= _cost(worker, port, options.events)
    return figures


def _cost(worker: Running, port: int, events: int) -> Mapping[str, Any]:
    """What updating and reading the metrics has cost: the updates of the whole run, and scrapes while nothing is done."""
    before = worker.cpu()
    for _ in range(_SCRAPES):
        page = _page(port)
    scraping = worker.cpu() - before
    found = re.search(rf"^{SECONDS} (\S+)$", page, re.MULTILINE)
    assert found is not None, "the worker is not the metered one"
    return {
        "metrics_cpu_us_per_event": float(found[1]) / events * 1e6,
        "cpu_ms_per_scrape": scraping / _SCRAPES * 1e3,
    }


def _page(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
        return str(answer.read().decode())

"""What does a second worker cost? CPU seconds per event of one worker and of several."""

import argparse
import os

from tests.bench.arena import arena
from tests.bench.report import Report, console
from tests.bench.traffic import Population, live

NAME = "scale"
QUICK = {"customers": 2_000, "events": 20_000}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Sizes; the defaults are what the table in the README was made with."""
    parser.add_argument("--customers", type=int, default=50_000)
    parser.add_argument("--events", type=int, default=1_500_000)
    parser.add_argument("--partitions", type=int, default=8)
    parser.add_argument(
        "--workers", type=int, default=0, help="most workers; by default 2, up to 4 with two cores for each"
    )


async def run(options: argparse.Namespace) -> Report:
    """Measure each number of workers on topics of its own."""
    report = Report(
        NAME, sizes={key: value for key, value in vars(options).items() if isinstance(value, int)}
    )
    most = options.workers or max(2, min(4, (os.cpu_count() or 1) // 2))
    population = Population(options.customers, options.partitions)
    async with arena() as ground:
        for workers in range(1, most + 1):
            console.rule(f"{workers} worker{'s' if workers > 1 else ''}")
            settings = ground.settings(f"scale{workers}", options.partitions, redis=workers)
            await ground.prepare(settings)
            await ground.settle(settings, population)
            events = live(population, options.events, ground.until)
            report.figures[f"workers_{workers}"] = await ground.measure(
                settings, events, options.events, workers=workers
            )
    one = report.figures["workers_1"]
    for workers in range(2, most + 1):
        several = report.figures[f"workers_{workers}"]
        report.ratio(
            f"cpu_{workers}_over_1", several["cpu_us_per_event"] / one["cpu_us_per_event"], "<=", 1.15
        )
        report.ratios[f"rate_{workers}_over_1"] = round(
            several["events_per_second"] / one["events_per_second"], 4
        )
    return report

"""Does an event cost more when there are more customers, and what does a customer cost in memory?"""

import argparse
import asyncio
from random import Random
from time import process_time
from typing import Any, NamedTuple

from state import DAY, DueHeap
from state.due import entry_of
from stream_app.redis_connection import connect
from stream_app.redis_keys import RedisKeys
from stream_app.settings import Settings
from tests.bench.arena import Arena, arena
from tests.bench.processes import together
from tests.bench.recovery import taken_over
from tests.bench.report import Report, console
from tests.bench.traffic import Population, live
from tests.bench.turns import in_turns

NAME = "growth"
QUICK = {"customers": "500,2000", "events": 10_000, "rounds": 1}
_VISITORS_SEED, _ALL_SEED = 7, 8
_SAMPLE = 500
_OF_ANYBODY = ("cpu_us_per_event", "events_per_second", "profiles_per_event", "stage_changes_per_event")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Sizes; the defaults are what the table in the README was made with."""
    parser.add_argument(
        "--customers", default="10000,100000,1000000", help="sizes to compare, smallest first"
    )
    parser.add_argument(
        "--events", type=int, default=250_000, help="for each size, round and kind of traffic"
    )
    parser.add_argument("--rounds", type=int, default=2, help="the sizes take turns; all rounds count")
    parser.add_argument("--partitions", type=int, default=4)


class Town(NamedTuple):
    """Customers of one size, on topics of their own, and what was measured with them."""

    settings: Settings
    population: Population
    resident: int
    same: list[dict[str, Any]]
    anybody: list[dict[str, Any]]


async def run(options: argparse.Namespace) -> Report:
    """Measure the sizes in turns, with two kinds of traffic.

    With the first, as many customers come whatever the size, from all parts of the population alike: what differs is
    the size of table, timers and Redis alone. With the second anybody comes, so that with more customers a run holds
    fewer events of the same one: more profiles are written, and more customers are scored after a pause, per event.
    """
    sizes = [int(size) for size in options.customers.split(",")]
    names = ("events", "rounds", "partitions")
    report = Report(NAME, sizes={"customers": sizes, **{name: vars(options)[name] for name in names}})
    async with arena() as ground:
        empty = await _resident(ground, ground.settings("empty", options.partitions))
        report.figures["empty"] = {"resident_mib": round(empty / 2**20, 1)}
        towns = {
            size: await _town(ground, size, number, options.partitions)
            for number, size in enumerate(sizes, 1)
        }
        for number, size in in_turns(sizes, options.rounds):
            await _visit(ground, towns[size], min(sizes), options.events, number)
        for size, town in towns.items():
            report.figures[str(size)] = await _figures(town, empty)
    _conclude(report, str(sizes[0]), str(sizes[-1]))
    return report


async def _town(ground: Arena, size: int, number: int, partitions: int) -> Town:
    console.rule(f"{size:,} customers settle")
    settings, population = (
        ground.settings(f"growth{size}", partitions, redis=number),
        Population(size, partitions),
    )
    await ground.prepare(settings)
    await ground.settle(settings, population)
    return Town(settings, population, await _resident(ground, settings), [], [])


async def _visit(ground: Arena, town: Town, visitors: int, events: int, number: int) -> None:
    for found, population, seed in (
        (town.same, _visitors(town.population, visitors), _VISITORS_SEED),
        (town.anybody, town.population, _ALL_SEED),
    ):
        traffic = live(population, events, ground.until, seed=seed + 10 * number)
        found.append(await ground.measure(town.settings, traffic, events))


async def _figures(town: Town, empty: int) -> dict[str, Any]:
    same, anybody, size = together(town.same), together(town.anybody), town.population.size
    return {
        **same,
        **{f"anybody_{name}": anybody[name] for name in _OF_ANYBODY},
        "resident_bytes_per_customer": round((town.resident - empty) / size),
        "redis_bytes_per_customer": await _redis_bytes(town.settings, town.population),
        "timers_us_per_event": round(_timers(size), 3),
    }


def _visitors(population: Population, count: int) -> Population:
    """*count* customers from all ranks of the population alike, so with as long histories as in a small population."""
    few = Population(count, population.partitions)
    few.ids = population.ids[:: population.size // count][:count]
    return few


def _conclude(report: Report, least: str, most: str) -> None:
    first, last = report.figures[least], report.figures[most]
    report.ratio("cost_1m_over_10k", last["cpu_us_per_event"] / first["cpu_us_per_event"], "<=", 1.25)
    anybody = last["anybody_cpu_us_per_event"] / first["anybody_cpu_us_per_event"]
    report.ratios["anybody_1m_over_10k"] = round(anybody, 4)
    # log2(1,000,000) / log2(10,000) is 1.5; caches that no longer hold everything take their share.
    report.ratio("timers_1m_over_10k", last["timers_us_per_event"] / first["timers_us_per_event"], "<=", 3.0)
    report.judge("resident_bytes_per_customer", last["resident_bytes_per_customer"], "<=", 1000)


async def _resident(ground: Arena, settings: Settings) -> int:
    """Resident bytes of a worker that has recovered and has nothing to do."""
    await ground.prepare(settings)
    with ground.worker(settings, number=9) as worker:
        await taken_over(worker)
        await asyncio.sleep(2.0)
        return worker.resident()


async def _redis_bytes(settings: Settings, population: Population) -> int:
    """Bytes of one customer in Redis, as it counts them itself: the hash, and the share of the ranking."""
    client, keys = connect(settings.redis), RedisKeys(settings.redis_prefix)
    try:
        sample = population.ids[:: max(1, population.size // _SAMPLE)]
        hashes = [await client.memory_usage(keys.customer(customer)) or 0 for customer in sample]
        ranking = await client.memory_usage(keys.risks, samples=_SAMPLE) or 0
    finally:
        await client.aclose()
    return round(sum(hashes) / len(hashes) + ranking / population.size)


def _timers(size: int, events: int = 100_000) -> float:
    """CPU µs per event of a heap that holds *size* customers: mostly postponed, sometimes due, always rescheduled."""
    random = Random(size)
    keys = [b"customer-%d" % number for number in range(size)]
    heap = DueHeap({key: entry_of(random.randrange(7 * DAY), key) for key in keys})
    chosen = random.choices(keys, k=events)
    time, step = 0, 7 * DAY // max(size, 1)
    cpu = process_time()
    for key in chosen:
        time += step
        for _, due in heap.pop_until(time):
            heap.schedule(due, time + 7 * DAY)
        heap.schedule(key, time + 7 * DAY)
    return (process_time() - cpu) / events * 1e6

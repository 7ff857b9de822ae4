"""How long until a worker that starts, or replaces one that was killed, has caught up?"""

import argparse
import asyncio
from pathlib import Path
from time import monotonic
from typing import Any

import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition

from stream_app.settings import Settings
from stream_app.topics import SOURCES, changelog_name
from tests.bench.arena import Arena, arena
from tests.bench.open_loop import OpenLoop
from tests.bench.processes import Running
from tests.bench.report import Report, console
from tests.bench.traffic import Population, live

NAME = "recovery"
QUICK = {"customers": 5_000, "rounds": 1, "restarts": 1, "rate": 300, "seconds": 4}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Sizes; the defaults are what the table in the README was made with."""
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--partitions", type=int, default=4)
    parser.add_argument(
        "--rounds", type=int, default=3, help="starts of each kind; the one in the middle counts"
    )
    parser.add_argument("--restarts", type=int, default=5, help="with each table on disk; likewise")
    parser.add_argument("--rate", type=int, default=2_000, help="events/s while a worker is killed")
    parser.add_argument("--seconds", type=int, default=15, help="of traffic before the kill, and after it")


async def run(options: argparse.Namespace) -> Report:
    """Memory, RocksDB and the floor on the same changelog, in turns; then a kill under load with each kind of table."""
    report = Report(
        NAME, sizes={key: value for key, value in vars(options).items() if isinstance(value, int)}
    )
    tenth = options.customers // 10
    async with arena() as ground:
        settings = await _stored(ground, options.customers, options.partitions)
        await _floor(settings, options.partitions)  # once for the caches of disk and broker
        console.rule("memory and floor")
        turns: dict[str, list[dict[str, Any]]] = {"memory": [], "floor": []}
        for _ in range(options.rounds):
            turns["memory"].append(await _start(ground, settings, "memory"))
            turns["floor"].append(await _floor(settings, options.partitions))
        for name, found in turns.items():
            report.figures[name] = _median(found, "records_per_second")
        console.rule("rocksdb")
        small = await _stored(ground, tenth, options.partitions)
        report.figures |= await _restarts(
            ground, {"rocksdb_tenth": small, "rocksdb": settings}, options.restarts
        )
        for store in ("memory", "rocksdb"):
            console.rule(f"kill -9, {store}")
            report.figures[f"kill_{store}"] = await _kill(ground, settings, options, store)
    figures = report.figures
    memory, floor = figures["memory"]["records_per_second"], figures["floor"]["records_per_second"]
    report.ratio("memory_over_floor", memory / floor, ">=", 0.3)
    grown = figures["rocksdb"]["restart_seconds"] / max(figures["rocksdb_tenth"]["restart_seconds"], 1e-3)
    report.ratio("rocksdb_restart_over_a_tenth", grown, "<=", 1.25)
    cpu = {name: figures[name]["restart_cpu_seconds"] for name in ("rocksdb", "rocksdb_tenth")}
    report.ratios["rocksdb_restart_cpu_over_a_tenth"] = round(cpu["rocksdb"] / cpu["rocksdb_tenth"], 4)
    report.judge("rocksdb_is_on_disk", figures["rocksdb"]["files"] > 0, "==", 1)
    return report


def _median(found: list[dict[str, Any]], by: str) -> dict[str, Any]:
    """The figures of the round in the middle, and how far the rounds lie apart."""
    ranked = sorted(found, key=lambda each: float(each[by]))
    return {**ranked[len(ranked) // 2], f"least_{by}": ranked[0][by], f"most_{by}": ranked[-1][by]}


async def taken_over(worker: Running, times: int = 1, seconds: float = 600.0) -> dict[str, Any]:
    """What a worker logs when it has taken its partitions over, for the *times*-th time in its log."""
    started = monotonic()
    while monotonic() - started < seconds:
        lines = worker.log.read_bytes().splitlines()
        found = [
            orjson.loads(line) for line in lines if line.startswith(b"{") and b"partitions taken over" in line
        ]
        found = [each for each in found if each["partitions"]]
        if len(found) >= times:
            told: dict[str, Any] = found[-1]
            return told
        worker.check()
        await asyncio.sleep(0.05)
    raise TimeoutError(
        f"{worker.name} has taken no partitions over: {worker.log.read_text('utf-8', 'replace')[-500:]}"
    )


async def _stored(ground: Arena, customers: int, partitions: int) -> Settings:
    """Topics with that many customers, whom Redis has as well: a score of somebody else would tell of a loss."""
    settings = ground.settings(f"recovery{customers}", partitions)
    await ground.prepare(settings)
    await ground.settle(settings, Population(customers, partitions))
    return settings


async def _start(ground: Arena, settings: Settings, store: str, *, is_killed: bool = False) -> dict[str, Any]:
    """Start a worker, and stop it in order, or kill it, when it has taken over."""
    worker = ground.worker(settings, number=1, LIFECYCLE_WORKER__TABLE_STORE=store)
    worker.log.unlink(missing_ok=True)
    started = monotonic()
    with worker:
        told = await taken_over(worker)
        ready = monotonic() - started
        cpu, resident = worker.cpu(), worker.resident()
        if is_killed:
            worker.kill()
    return {
        "records": told["records"],
        "seconds": told["seconds"],
        "reading_seconds": told["reading"],
        "records_per_second": round(told["records"] / max(told["seconds"], 1e-3), 1),
        "ready_seconds": round(ready, 3),
        "cpu_seconds": round(cpu, 3),
        "resident_mib": round(resident / 2**20, 1),
    }


async def _restarts(ground: Arena, tables: dict[str, Settings], rounds: int) -> dict[str, dict[str, Any]]:
    """Start with empty disks; then start again in turns, after an orderly stop; at last after a kill."""
    first = {name: await _start(ground, settings, "rocksdb") for name, settings in tables.items()}
    again: dict[str, list[dict[str, Any]]] = {name: [] for name in tables}
    for _ in range(rounds):
        for name, settings in tables.items():
            again[name].append(await _start(ground, settings, "rocksdb"))
    found = {}
    for name, settings in tables.items():
        await _start(ground, settings, "rocksdb", is_killed=True)
        after_kill = await _start(ground, settings, "rocksdb")
        middle = _median(again[name], "seconds")
        found[name] = {
            "first_seconds": first[name]["seconds"],
            "first_records_per_second": first[name]["records_per_second"],
            "restart_seconds": middle["seconds"],
            "restart_least_seconds": middle["least_seconds"],
            "restart_most_seconds": middle["most_seconds"],
            "restart_reading_seconds": middle["reading_seconds"],
            "restart_records": middle["records"],
            "restart_ready_seconds": middle["ready_seconds"],
            "restart_cpu_seconds": middle["cpu_seconds"],
            "restart_after_kill_seconds": after_kill["seconds"],
            "restart_after_kill_records": after_kill["records"],
            "resident_mib": middle["resident_mib"],
            "files": await asyncio.to_thread(_files, settings.data_dir),
        }
    return found


def _files(directory: Path) -> int:
    return sum(1 for name in ("*.sst", "CURRENT") for _ in directory.rglob(name))


async def _floor(settings: Settings, partitions: int) -> dict[str, Any]:
    """aiokafka reading the changelog, in the portions that it is fastest with, and doing nothing with it."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.kafka, max_partition_fetch_bytes=4 << 20, fetch_max_wait_ms=100
    )
    await consumer.start()
    try:
        places = [TopicPartition(changelog_name(settings), number) for number in range(partitions)]
        consumer.assign(places)
        await consumer.seek_to_beginning(*places)
        ends = await consumer.end_offsets(places)
        records, started = 0, monotonic()
        while any([await consumer.position(place) < ends[place] for place in places]):
            records += sum(map(len, (await consumer.getmany(timeout_ms=200, max_records=2000)).values()))
        seconds = monotonic() - started
    finally:
        await consumer.stop()
    return {
        "records": records,
        "seconds": round(seconds, 3),
        "records_per_second": round(records / seconds, 1),
    }


async def _kill(ground: Arena, settings: Settings, options: argparse.Namespace, store: str) -> dict[str, Any]:
    """Kill a worker under load and start it again at once; caught up is when it has finished all that was sent.

    A table on disk is found again; the group waits for the dead member until its session ends, whatever the table.
    """
    topics = [settings.topic_prefix + source for source in SOURCES]
    population = Population(options.customers, options.partitions)
    count = 2 * options.rate * options.seconds
    events = list(live(population, count, ground.until, seed=len(store)))
    table = {"LIFECYCLE_WORKER__TABLE_STORE": store}
    async with ground.position(settings.prefix, topics) as position, OpenLoop(settings, options.rate) as loop:
        begin = await position()
        victim = ground.worker(settings, number=1, **table)
        victim.log.unlink(missing_ok=True)
        with victim:
            await taken_over(victim)
            sending = asyncio.create_task(loop.send(events))
            await asyncio.sleep(options.seconds)
            victim.kill()
            killed, behind = monotonic(), begin + loop.sent - await position()
        with ground.worker(settings, number=1, **table) as heir:
            told = await taken_over(heir, times=2)
            taken = monotonic() - killed
            while (
                lag := begin + loop.sent - await position()
            ) > options.rate * 1.5:  # commits come once a second
                heir.check()
                await asyncio.sleep(0.1)
            caught_up = monotonic() - killed
            await sending
            while await position() < begin + count:
                heir.check()
                await asyncio.sleep(0.1)
    return {
        "behind_when_killed": behind,
        "records": told["records"],
        "take_over_seconds": told["seconds"],
        "session_timeout_seconds": settings.worker.session_timeout / 1e6,
        "kill_to_taken_over_seconds": round(taken, 3),
        "kill_to_caught_up_seconds": round(caught_up, 3),
        "lag_then": lag,
    }

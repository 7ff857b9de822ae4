"""Does hostile input slow the path? The same worker on clean records, and with every second one spoilt.

The spoilt ones are of every kind that the dead letters tell apart, strewn among the good ones at random. Afterwards
each must lie in the dead letters once, byte for byte and with its reason, and nothing else may.
"""

import argparse
from collections import Counter
from collections.abc import Iterable, Iterator
from random import Random
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from stream_app.kafka_clients import client_options
from stream_app.settings import Settings
from stream_app.topics import LARGEST_RECORD, SOURCES
from tests.bench.arena import Arena, arena
from tests.bench.faults.traffic import SPOILT
from tests.bench.processes import steady, together, watch
from tests.bench.report import Report
from tests.bench.traffic import Population, Sent, live
from tests.bench.turns import in_turns

NAME = "garbage"
QUICK = {"customers": 2_000, "events": 20_000, "rounds": 1}

Told = Counter[tuple[str, bytes]]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Sizes; the defaults are what the table in the README was made with."""
    parser.add_argument("--customers", type=int, default=50_000)
    parser.add_argument("--events", type=int, default=1_200_000, help="records of each run, good and bad")
    parser.add_argument("--rounds", type=int, default=2, help="the contenders take turns; all rounds count")
    parser.add_argument("--partitions", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1, help="of what is spoilt, and where")


async def run(options: argparse.Namespace) -> Report:
    """Take turns: clean, half of it garbage; the other way round in the next round."""
    report = Report(
        NAME, sizes={key: value for key, value in vars(options).items() if isinstance(value, int)}
    )
    rounds: dict[str, list[dict[str, Any]]] = {"clean": [], "half_garbage": []}
    async with arena() as ground:
        for number, name in in_turns(list(rounds), options.rounds):
            rounds[name].append(await _measure(ground, name, number, options))
    for name, measured in rounds.items():
        report.figures[name] = _together(measured)
    clean, half = report.figures["clean"], report.figures["half_garbage"]
    report.ratio("garbage_over_clean", half["events_per_second"] / clean["events_per_second"], ">=", 0.8)
    report.ratios["garbage_over_clean_cpu"] = round(half["cpu_us_per_event"] / clean["cpu_us_per_event"], 4)
    report.judge("letters_that_differ", clean["differs"] + half["differs"], "==", 0)
    return report


async def _measure(ground: Arena, name: str, number: int, options: argparse.Namespace) -> dict[str, Any]:
    settings = ground.settings(f"{name.replace('_', '-')}-{number}", options.partitions, redis=1 + number)
    population = Population(options.customers, options.partitions, ())
    spoil = name == "half_garbage"
    good = live(population, options.events // 2 if spoil else options.events, ground.until)
    bad = list(spoilt(options.seed + number, options.events // 2)) if spoil else []
    await ground.prepare(settings)
    await ground.settle(settings, population, serve=False)
    await ground.fill(settings, _strewn(good, [sent for _, sent in bad], options.seed), options.events)
    with ground.worker(settings) as worker:
        topics = [settings.topic_prefix + source for source in SOURCES]
        async with ground.position(settings.prefix, topics) as position:
            samples = await watch([worker], position, options.events, services=ground.processes())
        figures: dict[str, Any] = steady(samples, options.events)
        figures["finished"] = samples[-1].position >= options.events
    wanted: Told = Counter((reason, sent.value or b"") for reason, sent in bad)
    found = await _letters(settings)
    figures["dead_letters"] = found.total()
    figures["differs"] = (found - wanted).total() + (wanted - found).total()
    return figures


def spoilt(seed: int, count: int) -> Iterator[tuple[str, Sent]]:
    """Records that cannot be folded, each with its reason; a shop's own, no two alike where they can differ."""
    random = Random(seed)
    for number in range(count):
        reason, value = random.choice(SPOILT)
        if value and value.endswith(b"}"):
            value = value.replace(b'"messageId": "m"', b'"messageId": "m%d"' % number)
        customer = f"nobody-{random.randrange(1 << 20)}"
        yield reason, Sent(random.randrange(len(SOURCES)), 0, customer, value)  # type: ignore[arg-type]


def _strewn(good: Iterable[Sent], bad: list[Sent], seed: int) -> Iterator[Sent]:
    """Good records in their order, one bad one before or after each while there are any."""
    random, left = Random(seed), iter(bad)
    for each in good:
        other = next(left, None)
        if other is None:
            yield each
        else:
            yield from (each, other) if random.random() < 0.5 else (other, each)


async def _letters(settings: Settings) -> Told:
    """Reason and original bytes of every dead letter."""
    consumer = AIOKafkaConsumer(
        **client_options(settings), auto_offset_reset="earliest", enable_auto_commit=False,
        max_partition_fetch_bytes=2 * LARGEST_RECORD,
    )  # fmt: skip
    await consumer.start()
    found: Told = Counter()
    try:
        topic = f"{settings.topic_prefix}dead-letters"
        places = [TopicPartition(topic, number) for number in range(settings.topics.partitions)]
        consumer.assign(places)
        ends = await consumer.end_offsets(places)
        for place in places:
            while await consumer.position(place) < ends[place]:
                for record in (await consumer.getmany(place, timeout_ms=500)).get(place, ()):
                    found[dict(record.headers)["reason"].decode(), record.value] += 1
    finally:
        await consumer.stop()
    return found


def _together(measured: list[dict[str, Any]]) -> dict[str, Any]:
    """All rounds of a contender as one."""
    return {
        **together(measured),
        "dead_letters": sum(each["dead_letters"] for each in measured),
        "differs": sum(each["differs"] for each in measured),
        "finished": all(each["finished"] for each in measured),
    }

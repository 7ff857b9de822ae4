"""What does exactness cost in Redis? The sink alone, and redis-py writing the same bytes with pipelined HSETs.

redis-py writes the hashes alone, once with the sink's concurrency and once from a plain loop; the faster one counts.
The sink also reads the changes, compares versions and keeps counts, risks, stream and channel.
"""

import argparse
import asyncio
from statistics import median
from time import perf_counter, process_time
from typing import Any

import orjson
import redis
import redis.asyncio

from stream_app.redis_connection import connect
from stream_app.redis_sink import RedisSink, SinkRecord
from tests.bench.arena import Arena, arena
from tests.bench.job import LIFECYCLE
from tests.bench.report import Report, console
from tests.bench.traffic import Population

NAME = "redis"
QUICK = {"customers": 1_000, "changes": 8_000, "rounds": 2}
_BATCH = 2000
"""Records of one push, as many as a worker takes at most."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Sizes; the defaults are what the table in the README was made with."""
    parser.add_argument("--customers", type=int, default=50_000)
    parser.add_argument("--changes", type=int, default=200_000, help="in each round")
    parser.add_argument("--rounds", type=int, default=5, help="the contenders take turns; the median counts")
    parser.add_argument("--partitions", type=int, default=4)


async def run(options: argparse.Namespace) -> Report:
    """Take turns."""
    report = Report(
        NAME, sizes={key: value for key, value in vars(options).items() if isinstance(value, int)}
    )
    async with arena() as ground:
        stream = Changes(ground, options)
        client = connect(ground.services.redis_url)
        other = ground.services.redis_url.rsplit("/", 1)[0] + "/1"
        plain, blocking = redis.asyncio.Redis.from_url(other), redis.Redis.from_url(other)
        sink = RedisSink(client, "lifecycle:", [LIFECYCLE], stream_length=1_000_000)
        try:
            rounds: dict[str, list[dict[str, float]]] = {"sink": [], "hset": [], "hset_blocking": []}
            for number in range(options.rounds):
                console.print(f"round {number + 1} of {options.rounds}")
                batches = stream.batches()
                rounds["sink"].append(
                    await _timed(options.changes, [_push(sink, *each) for each in batches.items()])
                )
                prepared = [_prepared(each) for each in batches.values()]
                rounds["hset"].append(
                    await _timed(options.changes, [_hset(plain, each) for each in prepared])
                )
                blocked = [
                    asyncio.to_thread(
                        _hset_blocking, blocking, [batch for each in prepared for batch in each]
                    )
                ]
                rounds["hset_blocking"].append(await _timed(options.changes, blocked))
        finally:
            await client.aclose()
            await plain.aclose()
            blocking.close()
    for name, measured in rounds.items():
        report.figures[name] = {key: round(median(each[key] for each in measured), 2) for key in measured[0]}
    rate = {name: figures["changes_per_second"] for name, figures in report.figures.items()}
    report.ratio("sink_over_hset", rate["sink"] / max(rate["hset"], rate["hset_blocking"]), ">=", 0.6)
    return report


class Changes:
    """Stage changes of a population, round after round, with offsets and versions that go on."""

    def __init__(self, ground: Arena, options: argparse.Namespace) -> None:
        population = Population(options.customers, options.partitions)
        past = ground.histories
        self._bodies = [orjson.loads(past.state_of(population, rank)) for rank in range(options.customers)]
        self._options = options
        self._next = 0
        self._offsets = [0] * options.partitions

    def batches(self) -> dict[int, list[list[SinkRecord]]]:
        """The next round's changes by partition, in batches."""
        found: dict[int, list[list[SinkRecord]]] = {each: [[]] for each in range(self._options.partitions)}
        for number in range(self._next, self._next + self._options.changes):
            rank = number % len(self._bodies)
            partition = rank % self._options.partitions
            body: dict[str, Any] = self._bodies[rank]
            body["version"] += 1
            if number >= len(self._bodies):
                body["reason"] = "rescored"
            batches = found[partition]
            if len(batches[-1]) == _BATCH:
                batches.append([])
            key = body["customer_id"].encode()
            batches[-1].append(SinkRecord(self._offsets[partition], key, orjson.dumps(body)))
            self._offsets[partition] += 1
        self._next += self._options.changes
        return found


async def _timed(changes: int, work: list[Any]) -> dict[str, float]:
    wall, cpu = perf_counter(), process_time()
    await asyncio.gather(*work)
    wall, cpu = perf_counter() - wall, process_time() - cpu
    return {"changes_per_second": changes / wall, "cpu_us_per_change": cpu / changes * 1e6}


async def _push(sink: RedisSink, partition: int, batches: list[list[SinkRecord]]) -> None:
    for batch in batches:
        result = await sink.push(partition, batch)
        assert result.applied == len(batch) and not result.lost  # noqa: PT018 - one fact: all of it is new


Writes = list[list[tuple[str, dict[str, Any]]]]


def _prepared(batches: list[list[SinkRecord]]) -> Writes:
    """Keys and fields of the same changes; making them costs the plain contenders nothing."""
    return [[_write(orjson.loads(record.value)) for record in batch] for batch in batches]


def _write(body: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    fields = {name: "" if value is None else value for name, value in body.items()}
    return f"lifecycle:customer:{{{body['customer_id']}}}", fields


async def _hset(client: redis.asyncio.Redis, batches: Writes) -> None:
    for batch in batches:
        pipeline = client.pipeline(transaction=False)
        for key, fields in batch:
            pipeline.hset(key, mapping=fields)
        await pipeline.execute()


def _hset_blocking(client: redis.Redis, batches: Writes) -> None:
    for batch in batches:
        pipeline = client.pipeline(transaction=False)
        for key, fields in batch:
            pipeline.hset(key, mapping=fields)
        pipeline.execute()

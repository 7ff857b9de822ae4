"""Ours, stock Faust, quixstreams, bytewax and the limit do the same job on the same events."""

import argparse
import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from typing import Any

import redis

from stream_app.settings import Settings
from stream_app.topics import SOURCES
from tests.bench.arena import Arena, arena
from tests.bench.contenders.spec import Spec
from tests.bench.job import Outcome, outcome_of
from tests.bench.processes import Running, steady, watch
from tests.bench.report import Report, console
from tests.bench.traffic import Population, live

NAME = "throughput"
UNEVEN = (8, 4, 2, 1)
OURS = ("ours", "ours_uneven", "profile")
CONTENDERS = ("quixstreams", "bytewax", "ours", "ours_uneven", "stock_faust", "profile")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Sizes; the defaults are what the table in the README was made with."""
    parser.add_argument("--customers", type=int, default=200_000)
    parser.add_argument("--events", type=int, default=3_000_000, help="for ours and the limit")
    parser.add_argument(
        "--events-others", type=int, default=1_000_000, help="for quixstreams, bytewax and the profile"
    )
    parser.add_argument("--events-faust", type=int, default=150_000, help="for stock Faust")
    parser.add_argument("--partitions", type=int, default=4)
    parser.add_argument(
        "--python", default="", help="interpreter of quixstreams and bytewax, if not this one"
    )
    parser.add_argument("--only", default=",".join(CONTENDERS), help="contenders, separated by commas")
    parser.add_argument(
        "--no-settle",
        action="store_true",
        help="customers of ours begin without a past (quicker, not comparable)",
    )


QUICK = {"customers": 2_000, "events": 20_000, "events_others": 10_000, "events_faust": 3_000}


async def run(options: argparse.Namespace) -> Report:
    """Run the contenders one after the other."""
    report = Report(
        NAME, sizes={key: value for key, value in vars(options).items() if isinstance(value, int)}
    )
    async with arena() as ground:
        contest = Contest(ground, options, report)
        wanted = options.only.split(",")
        for contender in [name for name in CONTENDERS if name in wanted]:
            console.rule(contender)
            await getattr(contest, contender)()
        contest.conclude()
    return report


class Contest:
    """One run of the comparison.

    Args:
        ground: Services.
        options: Sizes.
        report: Filled as contenders finish.
    """

    def __init__(self, ground: Arena, options: argparse.Namespace, report: Report) -> None:
        self._ground = ground
        self._options = options
        self._report = report
        self._filled: dict[str, Settings] = {}
        self._expected: dict[tuple[int, tuple[int, ...]], dict[str, Outcome]] = {}
        self._databases = 0

    # ------------------------------------------------------------ contenders

    async def ours(self) -> None:
        """A worker of ours, and the limit: the pure step over records in memory."""
        await self._beside_the_limit("ours", "limit", ())

    async def ours_uneven(self) -> None:
        """A worker of ours whose partitions are of unequal size, and their limit.

        A run of a partition with more customers holds fewer events of each, so the step itself costs more there.
        """
        await self._beside_the_limit("ours_uneven", "limit_uneven", UNEVEN)

    async def _beside_the_limit(self, name: str, limit: str, shares: tuple[int, ...]) -> None:
        """The limit before and after: what a machine does that changes its pace meanwhile must not count as overhead."""
        before = await self._limit(self._options.events, shares)
        await self._worker(name, self._options.events, shares)
        after = await self._limit(self._options.events, shares)
        self._report.figures[limit] = {key: round(mean([before[key], after[key]]), 3) for key in before}

    async def profile(self) -> None:
        """A worker of ours that samples where its time goes."""
        await self._worker("profile", self._options.events_others, (), profile=True)

    async def stock_faust(self) -> None:
        """Faust as its documentation shows it."""
        await self._other("stock_faust", "stock_faust", self._options.events_faust)

    async def quixstreams(self) -> None:
        """The same step in quixstreams."""
        await self._other("quixstreams", "on_quixstreams", self._options.events_others)

    async def bytewax(self) -> None:
        """The same step in bytewax."""
        await self._other("bytewax", "on_bytewax", self._options.events_others)

    # ------------------------------------------------------------- machinery

    def _population(self, shares: tuple[int, ...]) -> Population:
        return Population(
            self._options.customers, self._options.partitions, shares[: self._options.partitions]
        )

    async def _sources(self, events: int, shares: tuple[int, ...]) -> Settings:
        """Source topics with the first so many events; shared by the contenders that read as many."""
        name = f"read{events}{'u' if shares else ''}"
        if name not in self._filled:
            settings = self._ground.settings(name, self._options.partitions)
            await self._ground.prepare(settings)
            await self._ground.fill(
                settings, live(self._population(shares), events, self._ground.until), events
            )
            self._filled[name] = settings
        return self._filled[name]

    def _spec(self, name: str, settings: Settings, events: int, shares: tuple[int, ...]) -> Spec:
        self._databases += 1
        base = self._ground.services.redis_url.rsplit("/", 1)[0]
        return Spec(
            name=name,
            kafka=settings.kafka,
            redis=f"{base}/{self._databases}",
            prefix=settings.topic_prefix,
            partitions=self._options.partitions,
            customers=self._options.customers,
            events=events,
            until=self._ground.until,
            directory=str(self._ground.directory / name),
            shares=shares[: self._options.partitions],
        )

    async def _limit(self, events: int, shares: tuple[int, ...]) -> dict[str, Any]:
        spec = self._spec(
            f"limit-{events}-{len(shares)}",
            self._ground.settings("limit", self._options.partitions),
            events,
            shares,
        )
        log = self._ground.directory / f"{spec.name}.log"
        with Running("limit", ["-m", "tests.bench.contenders.limit", str(spec.write())], log) as process:
            await asyncio.to_thread(process.wait, 1800)
        result: dict[str, Any] = json.loads(spec.result.read_bytes())
        self._expected[events, shares] = {key: Outcome(*each) for key, each in result.pop("outcomes").items()}
        return result

    async def _expect(self, events: int, shares: tuple[int, ...]) -> dict[str, Outcome]:
        if (events, shares) not in self._expected:
            await self._limit(events, shares)
        return self._expected[events, shares]

    async def _other(self, name: str, module: str, events: int) -> None:
        settings = await self._sources(events, ())
        spec = self._spec(name, settings, events, ())
        await self._ground.create([spec.changes], spec.partitions)
        python = {"python": self._options.python} if self._options.python and module != "stock_faust" else {}
        log = self._ground.directory / f"{name}.log"
        with Running(
            name, ["-m", f"tests.bench.contenders.{module}", str(spec.write())], log, **python
        ) as process:
            if name == "bytewax":
                progress = Path(spec.directory) / "progress"

                async def position() -> int:
                    return int(progress.read_text() or 0) if progress.exists() else 0

                samples = await watch([process], position, events, services=self._ground.processes())
            else:
                async with self._ground.position(name, spec.sources) as committed:
                    samples = await watch([process], committed, events, services=self._ground.processes())
            figures = steady(samples, events)
            await asyncio.sleep(1.0)
        figures["differs"] = await self._differing(spec.redis, "lifecycle:", events, ())
        self._report.figures[name] = figures

    async def _worker(
        self, name: str, events: int, shares: tuple[int, ...], *, profile: bool = False
    ) -> None:
        self._databases += 1
        settings = self._ground.settings(
            name.replace("_", "-"), self._options.partitions, redis=self._databases
        )
        await self._ground.prepare(settings)
        population = self._population(shares)
        if not self._options.no_settle:
            await self._ground.settle(settings, population)
        await self._ground.fill(settings, live(population, events, self._ground.until), events)
        path = self._ground.directory / f"{name}.profile"
        topics = [settings.topic_prefix + source for source in SOURCES]
        with self._ground.worker(settings, profile=path if profile else None) as worker:
            async with self._ground.position(settings.prefix, topics) as position:
                samples = await watch([worker], position, events, services=self._ground.processes())
            figures: dict[str, Any] = steady(samples, events)
            figures["resident_mib"] = round(worker.resident() / 2**20, 1)
            await self._redis_has_caught_up(settings)
        if profile:
            figures |= _shares(path, figures["cpu_us_per_event"])
        if not self._options.no_settle:
            figures["differs"] = await self._differing(settings.redis, settings.redis_prefix, events, shares)
        self._report.figures[name] = figures

    async def _redis_has_caught_up(self, settings: Settings) -> None:
        """Wait until the stage changes of the run are in Redis."""
        topic = f"{settings.topic_prefix}stage-changes"
        async with self._ground.position(settings.prefix, [topic]) as position:
            for _ in range(600):
                ends = await self._ground.ends([topic], settings.topics.partitions)
                if await position() >= sum(ends.values()):
                    return
                await asyncio.sleep(0.2)
        raise TimeoutError(f"{topic} is not in Redis after two minutes")

    async def _differing(self, url: str, prefix: str, events: int, shares: tuple[int, ...]) -> int:
        """For how many customers Redis says something else than the same events folded in memory."""
        expected = await self._expect(events, shares)
        past = self._ground.histories
        customers = list(expected)
        found = await asyncio.to_thread(_outcomes, url, prefix, customers)
        population, work = self._population(shares), past.job
        differing = 0
        for customer, outcome in zip(customers, found, strict=True):
            actual = outcome
            if actual is None:  # nothing was published: the customer is where they were
                rank = int(customer.split("-", 2)[1])
                actual = outcome_of(work, past.profile_of(population, rank))
            if actual != expected[customer]:
                differing += 1
                if differing <= 3:
                    console.print(
                        f"{customer}: expected {expected[customer]}, found {outcome}", style="yellow"
                    )
        return differing

    def conclude(self) -> None:
        """Ratios, targets, overhead."""
        figures, report = self._report.figures, self._report
        ours = figures.get("ours")
        if ours is None:
            return
        rate = {name: each["events_per_second"] for name, each in figures.items()}
        for other, sign in (("stock_faust", 10.0), ("quixstreams", 1.0), ("bytewax", 1.0), ("limit", 0.6)):
            if other in rate:
                report.ratio(other, rate["ours"] / rate[other], ">=", sign)
        for name, limit in (("ours", "limit"), ("ours_uneven", "limit_uneven")):
            if name in figures and limit in figures:
                overhead = figures[name]["cpu_us_per_event"] - figures[limit]["cpu_us_per_event"]
                figures[name]["overhead_cpu_us_per_event"] = round(overhead, 3)
                report.judge(f"{name}_overhead_cpu_us_per_event", overhead, "<=", 5.0)
        if "ours_uneven" in rate:
            report.ratios["uneven_over_even"] = round(rate["ours_uneven"] / rate["ours"], 4)
        # The others promise nothing about Redis: what they leave wrong there is shown, and is their own.
        wrong = sum(figures[name].get("differs", 0) for name in OURS if name in figures)
        report.judge("customers_that_differ", wrong, "==", 0)


def _shares(path: Path, cost: float) -> dict[str, Any]:
    """CPU µs per event by part: the share of each part in the samples, of what the process used."""
    seen = json.loads(path.read_bytes())
    total = sum(seen["parts"].values())
    parts = sorted(seen["parts"].items(), key=lambda item: -item[1])
    functions = list(seen["functions"].items())[:25]
    return {
        "us_per_event_by_part": {name: round(seconds / total * cost, 3) for name, seconds in parts},
        "us_per_event_by_function": {name: round(seconds / total * cost, 3) for name, seconds in functions},
    }


def _outcomes(url: str, prefix: str, customers: Sequence[str]) -> list[Outcome | None]:
    client = redis.Redis.from_url(url, decode_responses=True)
    found: list[Outcome | None] = []
    for start in range(0, len(customers), 5000):
        pipeline = client.pipeline(transaction=False)
        for customer in customers[start : start + 5000]:
            pipeline.hmget(f"{prefix}customer:{{{customer}}}", ["stage", "orders", "revenue", "refunds"])
        for stage, orders, revenue, refunds in pipeline.execute():
            found.append(None if stage is None else Outcome(stage, int(orders), float(revenue), int(refunds)))
    return found

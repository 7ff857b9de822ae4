"""Services fail at random moments; what comes out is compared exactly with one process's fold of the same topics."""

import argparse
import asyncio
import time
from collections.abc import Callable
from dataclasses import replace

from stream_app.embedded import EmbeddedServices
from tests.bench.faults import changes, controls, crashes, groups, inputs, servers, soak
from tests.bench.faults.figures import quantiles
from tests.bench.faults.scene import Outcome, Size
from tests.bench.report import Report, console

USUAL = Size(events=20_000, customers=1_000, seconds=40.0, faults=4, session=10)

Scenario = Callable[[EmbeddedServices, int, Size], Outcome]

#: Names, what is done, and how much of it; sizes that are not given are those of `USUAL`.
SCENARIOS: dict[str, tuple[tuple[Scenario, ...], Size]] = {
    "T1": (
        (crashes.killed,),
        replace(USUAL, events=200_000, customers=10_000, seconds=150.0, faults=10, patience=400.0),
    ),
    "T2": ((crashes.killed_in_a_stall,), USUAL),
    "T3": ((servers.broker,), replace(USUAL, faults=2)),
    "T4": ((servers.redis, servers.forgetful_redis), USUAL),
    "T5": (
        (groups.storm, groups.joined),
        replace(USUAL, events=60_000, seconds=300.0, faults=10, patience=300.0),
    ),
    "T6": ((crashes.paused,), replace(USUAL, faults=2)),
    "T7": ((inputs.poisoned,), USUAL),
    "T8": ((inputs.untidy,), USUAL),
    "T9": ((changes.lost_disk,), USUAL),
    "T10": ((changes.rolled,), USUAL),
    "T11": ((inputs.misplaced,), USUAL),
    "T12": ((changes.trainer_killed,), USUAL),
    "T13": (
        (soak.soak,),
        replace(USUAL, events=50_000, customers=20_000, seconds=1200.0, faults=6, patience=600.0),
    ),
    "T14": ((), replace(USUAL, events=12_000, customers=200, seconds=25.0, faults=3)),
}
SOAK = "T13"
SMALL = Size()
QUICK = {"seeds": 1, "small": True, "minutes": 1.0}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Sizes of this benchmark."""
    parser.add_argument("--seeds", type=int, default=3, help="runs of each scenario")
    parser.add_argument("--first-seed", type=int, default=1, help="the first seed; the others follow")
    usual = ",".join(name for name in SCENARIOS if name != SOAK)
    parser.add_argument("--scenario", default=usual, help="which, such as T1,T3")
    parser.add_argument("--small", action="store_true", help="a few thousand events, as in the test suite")
    parser.add_argument("--soak", action="store_true", help=f"the soak ({SOAK}) alone, with the first seed")
    parser.add_argument("--minutes", type=float, default=20.0, help="length of the soak")


async def run(options: argparse.Namespace) -> Report:
    """Run the scenarios, one after the other, each with services of its own."""
    return await asyncio.to_thread(_run, options)


def _run(options: argparse.Namespace) -> Report:
    names = [SOAK] if options.soak else options.scenario.split(",")
    count = 1 if options.soak else options.seeds
    seeds = range(options.first_seed, options.first_seed + count)
    report = Report(
        "faults",
        sizes={"seeds": " ".join(map(str, seeds)), "scenarios": " ".join(names), "small": options.small},
    )
    outcomes: list[Outcome] = []
    unseen: list[str] = []
    for name in names:
        scenarios, size = SCENARIOS[name]
        size = SMALL if options.small else size
        if name == "T14":
            unseen += _controls(report, seeds, size)
            continue
        if name == SOAK:
            size = replace(size, seconds=60 * options.minutes)
        for scenario in scenarios:
            found = [_one(scenario, seed, size) for seed in seeds]
            outcomes += found
            report.figures[found[0].scenario] = summary(found)
    for kind in ("lost", "doubled", "wrong"):
        number = sum(getattr(each.verdict, kind) for each in outcomes)
        report.ratios[kind] = number
        report.judge(kind, number, "==", 0)
    report.ratios["seeds"] = len(seeds)
    report.figures["all"] = {"runs": len(outcomes), "events": sum(each.verdict.events for each in outcomes)}
    if "T14" in names:
        report.ratios["controls_unseen"] = len(unseen)
        report.judge("controls_unseen", len(unseen), "==", 0)
    return report


def _one(scenario: Scenario, seed: int, size: Size) -> Outcome:
    console.print(f"{scenario.__name__} begins with seed {seed}")
    started = time.monotonic()
    with EmbeddedServices() as services:
        try:
            outcome = scenario(services, seed, size)
        except AssertionError as error:  # it hangs, which is wrong as well
            outcome = Outcome(scenario.__name__, seed)
            outcome.verdict.wrong, outcome.verdict.details = 1, [str(error)]
    outcome.seconds = round(time.monotonic() - started, 1)
    verdict = outcome.verdict
    sign = (
        "[green]exact"
        if verdict.is_exact
        else f"[red]{verdict.lost} lost {verdict.doubled} doubled {verdict.wrong} wrong"
    )
    console.print(
        f"{outcome.scenario} seed {seed}: {verdict.events:,} events, {outcome.faults} faults, "
        f"{outcome.seconds:.0f} s: {sign}"
    )
    for line in [*verdict.details, *outcome.exits]:
        console.print(f"  {line}", markup=False, highlight=False)
    return outcome


def _controls(report: Report, seeds: range, size: Size) -> list[str]:
    """Every rule switched off in turn, until a seed shows it; returns the rules that no seed missed."""
    unseen = []
    for rule in controls.CONTROLS:
        tried = []
        for seed in seeds:
            with EmbeddedServices() as services:
                tried.append(controls.without(rule, services, seed, size))
            if not tried[-1].verdict.is_exact:
                break
        if tried[-1].verdict.is_exact:
            unseen.append(rule)
        report.figures[tried[-1].scenario] = summary(tried)
        console.print(
            f"{tried[-1].scenario}: {'not seen' if rule in unseen else 'seen'} with seed {tried[-1].seed}"
        )
    return unseen


def summary(outcomes: list[Outcome]) -> dict[str, object]:
    """All runs of one scenario."""
    faults = sum(each.faults for each in outcomes)
    found: dict[str, object] = {
        "seeds": " ".join(str(each.seed) for each in outcomes),
        "events": sum(each.verdict.events for each in outcomes),
        "customers": sum(each.verdict.customers for each in outcomes),
        "lost": sum(each.verdict.lost for each in outcomes),
        "doubled": sum(each.verdict.doubled for each in outcomes),
        "wrong": sum(each.verdict.wrong for each in outcomes),
        "faults": faults,
        "replayed_per_fault": round(sum(each.replayed for each in outcomes) / max(faults, 1), 1),
        **quantiles("pause", [pause for each in outcomes for pause in each.pauses]),
        **quantiles("catch_up", [seconds for each in outcomes for seconds in each.catch_ups]),
        "workers_ended_by_themselves": sum(len(each.exits) for each in outcomes),
        "seconds": round(sum(each.seconds for each in outcomes), 1),
    }
    grown = [each.memory for each in outcomes if each.memory]
    found |= max(grown, key=lambda memory: memory["resident_seconds"], default={})
    details = [line for each in outcomes for line in each.verdict.details]
    if details:
        found["differences"] = " / ".join(details[:3])
    return {**found, **{name: value for each in outcomes for name, value in each.more.items()}}

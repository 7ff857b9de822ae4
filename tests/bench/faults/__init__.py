"""Services fail at random moments; what comes out is compared exactly with one process's fold of the same topics."""

import argparse
import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from stream_app.embedded import EmbeddedServices
from tests.bench.faults import changes, controls, crashes, groups, inputs, servers, soak
from tests.bench.faults.figures import quantiles
from tests.bench.faults.scene import Outcome, Size
from tests.bench.faults.verdict import HANG
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
    outcome = _timed(scenario.__name__, scenario, seed, size)
    verdict = outcome.verdict
    sign = (
        "[green]exact"
        if verdict.is_exact
        else f"[red]{verdict.lost} lost {verdict.doubled} doubled {verdict.wrong} wrong"
    )
    _tell(outcome, sign)
    return outcome


def _timed(name: str, scenario: Scenario, seed: int, size: Size) -> Outcome:
    """Run a scenario on services of its own."""
    console.print(f"{name} begins with seed {seed}")
    started = time.monotonic()
    with EmbeddedServices() as services:
        try:
            outcome = scenario(services, seed, size)
        except AssertionError as error:  # it hangs, which is wrong as well
            outcome = Outcome(name, seed)
            outcome.verdict.count(HANG)
            outcome.verdict.details = [str(error), *getattr(error, "__notes__", ())]
    outcome.seconds = round(time.monotonic() - started, 1)
    return outcome


def _tell(outcome: Outcome, sign: str) -> None:
    console.print(
        f"{outcome.scenario} seed {outcome.seed}: {outcome.verdict.events:,} events, {outcome.faults} faults, "
        f"{outcome.seconds:.0f} s: {sign}"
    )
    for line in [*outcome.verdict.details, *outcome.exits]:
        console.print(f"  {line}", markup=False, highlight=False)


def _controls(report: Report, seeds: range, size: Size) -> list[str]:
    """Every rule switched off in turn, until a seed shows it; returns the rules that no seed missed."""
    unseen = []
    for rule in controls.CONTROLS:
        tried: list[Outcome] = []
        for seed in seeds:
            tried.append(_timed(f"T14 without {rule}", partial(controls.without, rule), seed, size))
            if controls.is_found_out(rule, tried[-1]):
                break
        else:
            unseen.append(rule)
        report.figures[f"T14 without {rule}"] = summary(tried)
        _tell(tried[-1], "[red]not found out" if rule in unseen else "[green]found out")
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

"""T14: workers with one rule of delivery switched off; a suite that is worth anything fails on them."""

from collections.abc import Callable
from typing import NamedTuple

from stream_app.embedded import EmbeddedServices
from tests.bench.faults.crashes import STOCK, kill_at_random, killed_in_a_stall, paused
from tests.bench.faults.scene import Outcome, Scene, Size, scene
from tests.bench.faults.verdict import CRASH, HANG, Verdict

_SABOTAGED = ("-m", "tests.faults.sabotaged")


def offsets(services: EmbeddedServices, seed: int, size: Size, program: tuple[str, ...] = STOCK) -> Outcome:
    """Offsets inside the profile: without them what is read again after a crash is counted again."""
    with scene(services, "offsets", seed, size, program) as here:
        # Message ids, which are another rule, would hide it from all but the most active customers.
        here.tenant.environment["LIFECYCLE_EVENTS__DEDUP_WINDOW"] = "1"
        _commit_rarely(here)
        here.begin()
        return kill_at_random(here)


def barrier(services: EmbeddedServices, seed: int, size: Size, program: tuple[str, ...] = STOCK) -> Outcome:
    """Changelog before marks: without it what was committed and not written is lost."""
    return killed_in_a_stall(services, seed, size, program)


def waiting(services: EmbeddedServices, seed: int, size: Size, program: tuple[str, ...] = STOCK) -> Outcome:
    """Held profiles before marks: without it what was committed and is still held is lost."""
    with scene(services, "waiting", seed, size, program) as here:
        here.begin()
        return kill_at_random(here)


def fences(services: EmbeddedServices, seed: int, size: Size, program: tuple[str, ...] = STOCK) -> Outcome:
    """Compare-and-set and fences of Redis: without them what is pushed again is counted again."""
    with scene(services, "fences", seed, size, program) as here:
        _commit_rarely(here)
        here.begin()
        return kill_at_random(here)


def epochs(services: EmbeddedServices, seed: int, size: Size, program: tuple[str, ...] = STOCK) -> Outcome:
    """Fencing of former owners: without it a sleeper overwrites what its successors have written."""
    return paused(services, seed, size, program)


def _is_redis_wrong_alone(verdict: Verdict) -> bool:
    redis = {"Redis", "stage count", "risk", "stream", "stream order"}
    return bool(verdict.kinds) and verdict.kinds.keys() <= redis


class Control(NamedTuple):
    """A rule to switch off.

    Attributes:
        run: The scenario that needs it.
        shows: Whether what is wrong is what its lack brings about.
    """

    run: Callable[..., Outcome]
    shows: Callable[[Verdict], bool]


CONTROLS: dict[str, Control] = {
    "offsets": Control(offsets, lambda verdict: verdict.doubled > 0),
    "barrier": Control(barrier, lambda verdict: verdict.lost > 0),
    "waiting": Control(waiting, lambda verdict: verdict.lost > 0),
    "fences": Control(fences, _is_redis_wrong_alone),
    "epochs": Control(epochs, lambda verdict: verdict.lost > 0),
}


def without(rule: str, services: EmbeddedServices, seed: int, size: Size) -> Outcome:
    """The scenario that needs a rule, with workers that lack it."""
    outcome = CONTROLS[rule].run(services, seed, size, (*_SABOTAGED, rule))
    outcome.scenario = f"T14 without {rule}"
    return outcome


def is_found_out(rule: str, outcome: Outcome) -> bool:
    """Whether the comparison has seen the lack of *rule*; a worker that merely crashed, or hung, has shown nothing."""
    verdict = outcome.verdict
    return not verdict.kinds[CRASH] and not verdict.kinds[HANG] and CONTROLS[rule].shows(verdict)


def _commit_rarely(here: Scene) -> None:
    here.tenant.environment["LIFECYCLE_WORKER__COMMIT_INTERVAL"] = "3s"

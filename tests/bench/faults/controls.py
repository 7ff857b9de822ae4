"""T14: workers with one rule of delivery switched off; a suite that is worth anything fails on them."""

from collections.abc import Callable

from stream_app.embedded import EmbeddedServices
from tests.bench.faults.crashes import STOCK, kill_at_random, killed_in_a_stall, paused
from tests.bench.faults.scene import Outcome, Scene, Size, scene

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


def fences(services: EmbeddedServices, seed: int, size: Size, program: tuple[str, ...] = STOCK) -> Outcome:
    """Compare-and-set and fences of Redis: without them what is pushed again is counted again."""
    with scene(services, "fences", seed, size, program) as here:
        _commit_rarely(here)
        here.begin()
        return kill_at_random(here)


def epochs(services: EmbeddedServices, seed: int, size: Size, program: tuple[str, ...] = STOCK) -> Outcome:
    """Fencing of former owners: without it a sleeper overwrites what its successors have written."""
    return paused(services, seed, size, program)


CONTROLS: dict[str, Callable[..., Outcome]] = {
    "offsets": offsets,
    "barrier": barrier,
    "fences": fences,
    "epochs": epochs,
}


def without(rule: str, services: EmbeddedServices, seed: int, size: Size) -> Outcome:
    """The scenario that needs a rule, with workers that lack it."""
    outcome = CONTROLS[rule](services, seed, size, (*_SABOTAGED, rule))
    outcome.scenario = f"T14 without {rule}"
    return outcome


def _commit_rarely(here: Scene) -> None:
    here.tenant.environment["LIFECYCLE_WORKER__COMMIT_INTERVAL"] = "3s"

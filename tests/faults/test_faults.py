"""One seed of each scenario: services fail, and nothing is lost, doubled or wrong.

`python -m tests.bench faults` runs the same with more seeds and more events.
"""

import random
from collections.abc import Callable

import pytest

from stream_app.embedded import EmbeddedServices
from tests.bench.faults import changes, controls, crashes, groups, inputs, servers
from tests.bench.faults.crew import Exit
from tests.bench.faults.scene import Outcome, Size
from tests.bench.faults.verdict import CRASH, HANG

pytestmark = [pytest.mark.integration, pytest.mark.faults, pytest.mark.timeout(1200)]

SIZE = Size()
#: Enough that a worker is amid its work when it falls asleep, or Kafka does.
BURSTS = Size(events=12_000)
SLEEPY = (crashes.killed_in_a_stall, crashes.paused)


@pytest.mark.parametrize(
    "scenario",
    [
        crashes.killed,
        crashes.killed_in_a_stall,
        servers.broker,
        servers.redis,
        servers.forgetful_redis,
        groups.storm,
        groups.joined,
        crashes.paused,
        inputs.poisoned,
        inputs.untidy,
        changes.lost_disk,
        changes.rolled,
        inputs.misplaced,
        changes.trainer_killed,
    ],
    ids=lambda scenario: scenario.__name__,
)
def test_nothing_is_lost_doubled_or_wrong(
    doomed: EmbeddedServices, scenario: Callable[[EmbeddedServices, int, Size], Outcome]
) -> None:
    seed = random.SystemRandom().randrange(1 << 30)
    print(f"seed {seed}")  # noqa: T201 - to run it again

    outcome = scenario(doomed, seed, BURSTS if scenario in SLEEPY else SIZE)

    assert outcome.faults
    assert outcome.verdict.events >= 900  # examples of the trainer; thousands elsewhere
    assert not outcome.verdict.details
    assert outcome.verdict.is_exact


@pytest.mark.parametrize("rule", controls.CONTROLS)
def test_a_worker_without_one_rule_of_delivery_is_found_out(doomed: EmbeddedServices, rule: str) -> None:
    size = Size(customers=60, events=BURSTS.events if rule in ("barrier", "epochs") else SIZE.events)
    # One seed may hit a moment at which nothing is at stake.
    assert any(controls.is_found_out(rule, controls.without(rule, doomed, seed, size)) for seed in (1, 2, 3))


@pytest.mark.parametrize(
    ("said", "is_crash"),
    [
        ("the worker slept for 9 s, longer than its session of 6 s: its partitions may belong to others", False),
        ("the worker ends because a write or a fold failed (KafkaTimeoutError: no answer); nothing is lost", False),
        ("the worker ends because a write or a fold failed (TimeoutError: ); nothing is lost", False),
        ("the worker ends because a write or a fold failed (TypeError: too many arguments); nothing is lost", True),
        ("the partitions could not be taken over (KeyError: 3); restart the worker", True),
        ("agent ticks failed (ValueError: no); restart the worker", True),
        ("", True),
    ],
)  # fmt: skip
def test_a_worker_that_ends_by_its_own_judgement_has_not_crashed(said: str, *, is_crash: bool) -> None:
    assert Exit(0, 1, said).is_crash is is_crash


@pytest.mark.parametrize("rule", controls.CONTROLS)
@pytest.mark.parametrize("kind", [CRASH, HANG])
def test_a_worker_that_merely_fails_does_not_count_as_found_out(rule: str, kind: str) -> None:
    outcome = Outcome("control", 1)
    outcome.verdict.count(kind)
    outcome.verdict.lost = outcome.verdict.doubled = 5

    assert not controls.is_found_out(rule, outcome)

"""One seed of each scenario: services fail, and nothing is lost, doubled or wrong.

`python -m tests.bench faults` runs the same with more seeds and more events.
"""

import random
from collections.abc import Callable

import pytest

from stream_app.embedded import EmbeddedServices
from tests.bench.faults import changes, controls, crashes, groups, inputs, servers
from tests.bench.faults.scene import Outcome, Size

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
    assert any(not controls.without(rule, doomed, seed, size).verdict.is_exact for seed in (1, 2, 3))

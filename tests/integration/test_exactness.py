"""Kafka, Faust and Redis hold exactly what arithmetic says: with one worker, with two, and with workers killed."""

import json
import random
import time
from pathlib import Path
from typing import Any

import pytest

from tests.integration.oracle import fold, published
from tests.integration.workers import Tenant, until

pytestmark = pytest.mark.integration

STRANGER = """
name = "retail-basic"

[[stage]]
name = "prospect"

[[stage]]
name = "customer"
enter = "orders >= 1"
actions = ["welcome series", "usage guide"]

[[stage]]
name = "loyal"
enter = "orders_180d >= 3 and avg_order_value > 20"
leave = "days_since_last_order > 120"
min_dwell = "3d"

[[stage]]
name = "lapsed"
enter = "orders >= 1 and days_since_last_order >= 90"
lost = true
"""
#: What a worker without a trainer and a backtest that learns must agree on.
FACTS = ("stage", "previous_stage", "since", "cycle", "orders", "revenue", "refunds")


def replay(tenant: Tenant, *flags: str) -> dict[str, Any]:
    done = tenant.command("replay", "bundled", "--json", *flags)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def assert_exact(tenant: Tenant) -> None:
    """Redis, the topic and the oracle agree on every customer, every change and every count."""
    expected = fold(tenant, time.time_ns() // 1_000_000)
    assert published(tenant) == expected.changes
    served = tenant.served()
    assert served.customers == {
        customer: {name: "" if value is None else _text(value) for name, value in change.items()}
        for customer, change in _latest(expected.changes).items()
    }
    assert set(served.customers) == set(expected.customers)
    stages = [change["stage"] for change in expected.customers.values()]
    assert served.counts == {stage: stages.count(stage) for stage in set(stages)}
    risks = {
        customer: change["churn_risk"]
        for customer, change in _latest(expected.changes).items()
        if change["churn_risk"] is not None
    }
    assert served.risks == risks


def _latest(changes: dict[tuple[str, int], dict[str, object]]) -> dict[str, dict[str, object]]:
    return {customer: change for (customer, _), change in sorted(changes.items())}


def _text(value: object) -> str:
    return repr(value) if isinstance(value, float) else str(value)


@pytest.mark.parametrize("workers", [1, 2])
def test_workers_and_backtest_agree_on_every_customer(tenant: Tenant, tmp_path: Path, workers: int) -> None:
    path = tenant.lifecycle(STRANGER)
    flags = ("--format", "online-retail", "--limit", "3000")
    started = [tenant.start("--clock", "event") for _ in range(workers)]
    replay(tenant, *flags)
    tenant.drain(started[0])

    done = tenant.command(
        "backtest", "bundled", *flags, "--lifecycle", str(path), "--out", str(tmp_path / "out")
    )

    assert done.returncode == 0, done.stderr
    lines = (tmp_path / "out" / "profiles.jsonl").read_text("utf-8").splitlines()
    expected = {profile["customer_id"]: profile for profile in map(json.loads, lines)}
    served = tenant.served()
    assert len(expected) > 500
    assert {
        customer: {name: fields[name] for name in FACTS} for customer, fields in served.customers.items()
    } == {
        customer: {name: "" if profile[name] is None else _text(profile[name]) for name in FACTS}
        for customer, profile in expected.items()
    }
    for worker in started:
        worker.check()
        assert worker.stop() == 0, worker.complaints()


def test_streams_of_one_customer_are_merged_by_event_time(tenant: Tenant) -> None:
    worker = tenant.start("--clock", "event")
    until(lambda: worker.has_said("Worker ready"), worker)
    replay(tenant, "--simulate-touches", "--limit", "8000")
    tenant.drain(worker)

    assert_exact(tenant)


def test_workers_killed_in_mid_stream_lose_and_double_nothing(tenant: Tenant) -> None:
    seed = random.SystemRandom().randrange(1 << 30)
    print(f"seed {seed}")  # noqa: T201 - to run it again
    chance = random.Random(seed)
    tenant.lifecycle(STRANGER)
    workers = [tenant.start("--clock", "event") for _ in range(2)]
    until(lambda: any(worker.has_said("Worker ready") for worker in workers))
    replay(tenant, "--format", "online-retail", "--limit", "6000")

    for _ in range(3):
        time.sleep(chance.uniform(0.5, 3.0))
        victim = chance.randrange(2)
        workers[victim].process.kill()
        workers[victim] = tenant.start("--clock", "event")
    tenant.drain(workers[0])

    assert_exact(tenant)

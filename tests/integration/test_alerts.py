"""Churn alerts end to end: a worker that is killed, Redis, the command, Alertmanager's shape, an erasure."""

import os
import signal
from collections import Counter

import orjson
import pytest

from tests.integration.traffic import order
from tests.integration.workers import Tenant, until
from tests.stream_app.delivery.target import target

pytestmark = pytest.mark.integration

CUSTOMERS = [f"c{number}" for number in range(40)]
SILENT_UNTIL = "2024-12-01T00:00:00Z"


def standing(tenant: Tenant) -> set[str]:
    found = tenant.redis(lambda client: client.zrange(f"{tenant.prefix}:churn-alerts", 0, -1))
    return {customer.decode() for customer in found}


def test_silence_alerts_each_customer_once_though_the_worker_is_killed(tenant: Tenant) -> None:
    tenant.send(
        [
            order(customer, f"2024-01-{day:02}T12:00:00Z", 40.0)
            for day in (1, 8, 15, 22)
            for customer in CUSTOMERS
        ]
    )
    worker = tenant.start("--clock", "event")
    tenant.drain(worker)
    tenant.tick(SILENT_UNTIL)  # nobody sends anything any more: time alone
    until(lambda: tenant.records(tenant.topic("churn-alerts")), worker)
    os.kill(worker.process.pid, signal.SIGKILL)
    worker.process.wait()
    with tenant.worker("--clock", "event") as worker:
        tenant.drain(worker)
        until(lambda: standing(tenant) == set(CUSTOMERS), worker)
        told = [orjson.loads(found.value or b"") for found in tenant.records(tenant.topic("churn-alerts"))]
        ids = {(alert["customer_id"], alert["version"]) for alert in told}
        assert Counter(customer for customer, _ in ids) == Counter(CUSTOMERS)
        assert all(alert["status"] == "raised" and alert["reasons"] for alert in told)
        _look_and_acknowledge(tenant)

        # Redis forgets everything: a republish brings the alerts back. An erased customer leaves none.
        tenant.redis(lambda client: client.delete(f"{tenant.prefix}:churn-alerts"))
        republished, erased = tenant.commands([(["republish"], {}), (["erase", "c7", "--json"], {})])
        assert (republished.code, erased.code) == (0, 0), (republished.errors, erased.errors)
        until(lambda: standing(tenant) == set(CUSTOMERS) - {"c7"}, worker)
        tenant.send([order("c8", "2024-12-02T12:00:00Z", 40.0)])  # comes back
        tenant.tick("2024-12-03T00:00:00Z")
        until(lambda: standing(tenant) == set(CUSTOMERS) - {"c7", "c8"}, worker)
    _reach_alertmanager(tenant)


def _look_and_acknowledge(tenant: Tenant) -> None:
    every = ["--limit", "100"]
    asked = [
        ["alerts", *every],
        ["alerts", "show", "c7"],
        ["alerts", "ack", "c7", "--by", "eve", "--note", "calls", "--json"],
        ["alerts", "--waiting", "--json", *every],
        ["alerts", "ack", "nobody"],
        ["alerts", "show"],
    ]
    listed, shown, taken, waiting, nobody, unnamed = tenant.commands([(words, {}) for words in asked])
    assert listed.output.count("nobody yet") == len(CUSTOMERS)
    assert all(word in shown.output for word in ("because", "last order", "churn risk"))
    (acknowledged,) = orjson.loads(taken.output)
    assert acknowledged["acknowledged"]["by"] == "eve"
    assert {alert["customer_id"] for alert in orjson.loads(waiting.output)} == set(CUSTOMERS) - {"c7"}
    assert (nobody.code, nobody.errors.count("\n")) == (1, 1)
    assert "no alert about 'nobody' stands" in nobody.errors
    assert (unnamed.code, "needs a customer id" in unnamed.errors) == (2, True)


def _reach_alertmanager(tenant: Tenant) -> None:
    with target() as alertmanager:
        tenant.environment["ALERTMANAGER_URL"] = alertmanager.url
        words = ["--destination", "alertmanager", "--from", "2000-01-01T00:00:00Z", "--json"]
        ended = tenant.command("redeliver", *words)
        assert ended.returncode == 0, ended.stderr
    posted = [asked.json[0] for asked in alertmanager.asked]
    assert {asked.path for asked in alertmanager.asked} == {"/api/v2/alerts"}
    # Who was erased is not told of.
    assert {one["labels"]["customer"] for one in posted} == set(CUSTOMERS) - {"c7"}
    ended_at = {one["labels"]["customer"]: (one["startsAt"], one["endsAt"]) for one in posted}
    assert ended_at["c8"][1] == "2024-12-02T12:00:00Z"
    assert all(start < end for start, end in ended_at.values())

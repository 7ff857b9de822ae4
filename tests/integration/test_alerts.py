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
SILENT_UNTIL = "2026-12-01T00:00:00Z"


def alerts(tenant: Tenant, *words: str) -> list[dict[str, object]]:
    ended = tenant.command("alerts", *words, "--json")
    assert ended.returncode == 0, ended.stderr
    found: list[dict[str, object]] = orjson.loads(ended.stdout)
    return found


def test_silence_alerts_each_customer_once_though_the_worker_is_killed(tenant: Tenant) -> None:
    tenant.send(
        [
            order(customer, f"2026-01-{day:02}T12:00:00Z", 40.0)
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
        until(lambda: len(alerts(tenant, "--limit", "100")) == len(CUSTOMERS), worker)

        told = [orjson.loads(found.value or b"") for found in tenant.records(tenant.topic("churn-alerts"))]
        ids = {(alert["customer_id"], alert["version"]) for alert in told}
        assert Counter(customer for customer, _ in ids) == Counter(CUSTOMERS)
        assert all(alert["status"] == "raised" and alert["reasons"] for alert in told)

        assert tenant.command("alerts").stdout.count("nobody yet") == len(CUSTOMERS)
        (shown,) = alerts(tenant, "show", "c7")
        assert (shown["acknowledged"], shown["value_segment"]) == (None, "low")
        assert "because" in tenant.command("alerts", "show", "c7").stdout
        (taken,) = alerts(tenant, "ack", "c7", "--by", "eve", "--note", "calls")
        assert taken["acknowledged"]["by"] == "eve"  # type: ignore[index]
        assert len(alerts(tenant, "--waiting", "--limit", "100")) == len(CUSTOMERS) - 1
        for words, said in (
            (["ack", "nobody"], "no alert about 'nobody' stands"),
            (["show"], "needs a customer id"),
        ):
            ended = tenant.command("alerts", *words)
            assert (ended.returncode, ended.stderr.count("\n")) == (1 if "nobody" in words else 2, 1)
            assert said in ended.stderr

        # Redis forgets everything: a republish brings the alerts back.
        tenant.redis(lambda client: client.delete(f"{tenant.prefix}:churn-alerts"))
        assert alerts(tenant) == []
        assert tenant.command("republish").returncode == 0
        until(lambda: len(alerts(tenant, "--limit", "100")) == len(CUSTOMERS), worker)

        ended = tenant.command("erase", "c7", "--json")
        assert ended.returncode == 0, ended.stderr
        assert tenant.command("alerts", "show", "c7").returncode == 1
        tenant.send([order("c8", "2026-12-02T12:00:00Z", 40.0)])  # comes back
        until(
            lambda: "c8" not in {alert["customer_id"] for alert in alerts(tenant, "--limit", "100")}, worker
        )

    with target() as alertmanager:
        tenant.environment["ALERTMANAGER_URL"] = alertmanager.url
        words = ["--destination", "alertmanager", "--from", "2000-01-01T00:00:00Z", "--json"]
        ended = tenant.command("redeliver", *words)
        assert ended.returncode == 0, ended.stderr
    posted = [asked.json[0] for asked in alertmanager.asked]
    assert {asked.path for asked in alertmanager.asked} == {"/api/v2/alerts"}
    assert {one["labels"]["customer"] for one in posted} == set(CUSTOMERS) - {
        "c7"
    }  # who was erased is not told of
    assert all(one["startsAt"] < one["endsAt"] or one["labels"]["customer"] == "c8" for one in posted)

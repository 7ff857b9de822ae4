"""A real Prometheus reads real processes: the numbers are those that were sent, and the alerts fire."""

from collections.abc import Iterable

import pytest
import requests
from redis import Redis

from stream_app.dashboards.boards import BOARDS
from stream_app.embedded.ports import choose_port
from tests.deploy.pages import told
from tests.deploy.prometheus import Prometheus, running
from tests.integration.traffic import order, sent
from tests.integration.workers import Sent, Tenant, until
from tests.stream_app.delivery.target import target

pytestmark = pytest.mark.integration

KEY = "wk-test"
SECRET = {"HOOK_SECRET": "whsec_bmV3LW5ldy1uZXctbmV3LW5ldy1uZXct"}
CUSTOMERS = [f"c{number}" for number in range(30)]
MONTHS = [f"2024-{month:02}" for month in range(1, 13)]


def history() -> Iterable[Sent]:
    """A year: half of the customers buy every month, the others stop in the spring."""
    for month in MONTHS:
        for number, customer in enumerate(CUSTOMERS):
            if number % 2 or month < "2024-05":
                yield order(customer, f"{month}-{1 + number % 28:02}T10:00:00Z", 20.0 + number)
            yield sent(customer, "Email Opened", f"{month}-15T09:00:00Z")


def test_numbers_are_those_that_were_sent_and_a_stopped_redis_is_told(tenant: Tenant) -> None:
    jobs = ("lifecycle-worker", "lifecycle-trainer", "lifecycle-gateway", "lifecycle-deliver")
    ports, gate = {job: choose_port() for job in jobs}, choose_port()
    tenant.environment |= {
        "LIFECYCLE_LABELS__ASK_EVERY": "7d",
        "LIFECYCLE_MODELS__BROADCAST_EVERY": "1s",
        "LIFECYCLE_METRICS__PORT": str(ports["lifecycle-trainer"]),
    }
    tenant.start(command="trainer")
    tenant.environment["LIFECYCLE_METRICS__PORT"] = str(ports["lifecycle-worker"])
    events = list(history())
    with (
        target() as told_of_stages,
        tenant.worker("--clock", "event") as worker,
        running(tenant.directory / "prometheus", ports) as prometheus,
    ):
        _start_edges(tenant, ports, gate, told_of_stages.url)
        until(lambda: prometheus.value("sum(up)") == len(jobs), worker)
        tenant.send([*events, Sent("purchases", b"c1", b"no event")])
        tenant.tick("2025-02-01T00:00:00Z")
        tenant.drain(worker)
        _numbers_agree(tenant, prometheus, len(events))
        assert told(ports["lifecycle-worker"], "healthz") == (200, {"ok": True, "reasons": []})
        assert told(ports["lifecycle-worker"], "readyz") == (200, {"ok": True, "reasons": []})
        _every_panel_shows_something(tenant, prometheus, gate)
        assert "LifecycleRedisDown" not in prometheus.firing()

        _stop_redis(tenant)
        tenant.send([order("late", "2025-02-02T10:00:00Z", 10.0)])
        until(lambda: "LifecycleRedisDown" in prometheus.firing(), worker)
        assert prometheus.value("min(lifecycle_redis_up)") == 0
        assert told(ports["lifecycle-worker"], "readyz")[0] == 200, "scoring goes on without Redis"


def _numbers_agree(tenant: Tenant, prometheus: Prometheus, events: int) -> None:
    applied = 'sum(lifecycle_events_total{outcome=~"applied|late"})'
    until(lambda: prometheus.value(applied) == events, why=lambda: f"{prometheus.value(applied)} of {events}")
    assert prometheus.value('sum(lifecycle_events_total{outcome="dead_letter"})') == 1
    assert prometheus.value("sum(lifecycle_dead_letters_total)") == 1
    counts = tenant.served().counts
    for stage, number in counts.items():
        query = f'sum(lifecycle_customers{{stage="{stage}"}})'
        until(lambda query=query, number=number: (prometheus.value(query) or 0) == number)
    until(lambda: prometheus.value("sum(lifecycle:consumer_lag:sum)") == 0)
    assert (prometheus.value("sum(lifecycle_stage_change_latency_seconds_count)") or 0) > 0


def _start_edges(tenant: Tenant, ports: dict[str, int], gate: int, told: str) -> None:
    """A gateway, and a destination that is told of all stage changes."""
    destination = tenant.directory / "stages.toml"
    destination.write_text(
        f'url = "{told}/{{customer_id}}"\nsecrets = ["${{HOOK_SECRET}}"]\nstart = "beginning"\n'
    )
    tenant.start(
        "--port", str(gate), "--write-key", KEY, command="gateway",
        LIFECYCLE_METRICS__PORT=str(ports["lifecycle-gateway"]),
    )  # fmt: skip
    tenant.start(
        "--destination", str(destination), command="deliver",
        LIFECYCLE_METRICS__PORT=str(ports["lifecycle-deliver"]), **SECRET,
    )  # fmt: skip


def _every_panel_shows_something(tenant: Tenant, prometheus: Prometheus, gate: int) -> None:
    panels = [panel for board in BOARDS for row in board.rows.values() for panel in row]
    page = {"type": "page", "userId": "c1"}
    for number in range(3):  # rates need events between two scrapes
        tenant.send([order("steady", f"2025-01-1{number}T10:00:00Z", 5.0)])
        for key, status in ((KEY, 200), ("wrong", 401)):
            sent_in = requests.post(f"http://127.0.0.1:{gate}/v1/page", json=page, auth=(key, ""), timeout=60)
            assert sent_in.status_code == status
    waiting = {panel.title: panel.query for panel in panels}

    def shown() -> bool:
        for title, query in list(waiting.items()):
            if prometheus.get("query", query=query)["result"]:
                del waiting[title]
        return not waiting

    until(shown, why=lambda: f"nothing is shown by {sorted(waiting)}")


def _stop_redis(tenant: Tenant) -> None:
    port = int(tenant.environment["LIFECYCLE_REDIS"].rsplit(":", 1)[1].split("/")[0])
    with Redis(port=port) as client:
        client.shutdown(nosave=True)

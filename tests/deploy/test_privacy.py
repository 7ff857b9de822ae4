"""What customers and shops write stays out of logs and metrics, at every level, also when it cannot be understood."""

import json
from typing import Any

import pytest
import requests

from stream_app.embedded.ports import choose_port
from stream_app.logs import hashed
from tests.deploy.pages import Page, answers, told
from tests.integration.traffic import body, moment
from tests.integration.workers import Sent, Tenant, until

pytestmark = pytest.mark.integration

MARK = "Marked"
CUSTOMER = "customer-4711"
WRITE_KEY = f"wk-{MARK}-secret"


def events() -> list[dict[str, Any]]:
    """Good and bad, each with something that nobody may read."""
    traits = {"email": f"{MARK}@example.com", "firstName": MARK, "phone": f"+49{MARK}"}
    good = body(CUSTOMER, "Order Completed", moment(0.1), properties={"revenue": 10, "coupon": MARK})
    return [
        good,
        {**good, "messageId": f"m-{MARK}", "type": "identify", "traits": traits, "context": {"ip": MARK}},
        {**good, "messageId": "m1", "event": f"Bought by {MARK}"},
        {**good, "messageId": "m2", "properties": {"revenue": MARK}},
        {**good, "messageId": "m3", "timestamp": MARK},
        {**good, "messageId": "m4", "type": MARK},
        {**good, "messageId": "", "userId": {"name": MARK}},
    ]


def test_nothing_of_an_event_shows_in_logs_and_metrics(tenant: Tenant) -> None:
    ports = {name: choose_port() for name in ("worker", "trainer", "gateway", "deliver")}
    gate = choose_port()
    tenant.environment |= {
        "LIFECYCLE_LOG__LEVEL": "debug", "LIFECYCLE_LOG__HASH_IDS": "true", "LIFECYCLE_LOG__FORMAT": "json",
        "HOOK_SECRET": "whsec_bmV3LW5ldy1uZXctbmV3LW5ldy1uZXct",
        "LIFECYCLE_GATEWAY__KEYS__SHOP__KEY": WRITE_KEY, "LIFECYCLE_GATEWAY__PORT": str(gate),
    }  # fmt: skip
    destination = tenant.directory / "refuses.toml"
    destination.write_text(
        f'url = "http://127.0.0.1:{choose_port()}/{{customer_id}}"\nsecrets = ["${{HOOK_SECRET}}"]\n'
        'start = "beginning"\ngive_up_after = "200ms"\nlongest_pause = "50ms"\n'
    )
    flags = {"deliver": ["--destination", str(destination)]}
    processes = {
        name: tenant.start(*flags.get(name, ()), command=name, LIFECYCLE_METRICS__PORT=str(port))
        for name, port in ports.items()
    }
    for name, process in processes.items():
        until(lambda name=name: answers(ports[name]), process)
        until(lambda name=name: told(ports[name], "readyz")[0] == 200, process)
        assert told(ports[name], "healthz") == (200, {"ok": True, "reasons": []})

    batch = {"batch": events()}
    address = f"http://127.0.0.1:{gate}/v1/batch"
    assert requests.post(address, json=batch, auth=(WRITE_KEY, ""), timeout=60).status_code == 200
    refused = requests.post(f"{address}?writeKey={MARK}", json=batch, timeout=60)
    assert refused.status_code == 401
    requests.post(address, data=f'{{"batch": [{MARK}'.encode(), auth=(WRITE_KEY, ""), timeout=60)
    assert requests.get(f"http://127.0.0.1:{gate}/metrics", timeout=60).status_code == 404

    key, headers = CUSTOMER.encode(), [("source", MARK.encode())]
    raw = [json.dumps(event).encode() for event in events()]
    tenant.send([Sent("purchases", key, value, headers=headers) for value in [*raw, f"no {MARK}".encode()]])
    tenant.send([Sent("email", f"other-{MARK}".encode(), raw[0])])
    tenant.drain(processes["worker"])
    tenant.send([Sent("training", None, f"no {MARK}".encode(), 0), Sent("ticks", None, MARK.encode(), 0)])
    until(lambda: Page(ports["trainer"]).sum("training_records_total", outcome="unreadable") == 1)
    assert len(tenant.dead_letters()) >= 6
    until(lambda: processes["deliver"].has_said(hashed(CUSTOMER)), processes["deliver"])

    for name, process in processes.items():
        process.check()
        said = "\n".join(process.said)
        assert said, f"{name} says nothing at the level debug"
        for text, where in ((said, "log"), (Page(ports[name]).text, "metrics")):
            shown = next((line for line in text.splitlines() if MARK in line or CUSTOMER in line), None)
            assert shown is None, f"{where} of {name}: {shown}"
        assert [line for line in process.said if not line.startswith("{")] == []

"""A real Alertmanager with the routes of deploy/: churn alerts reach customer care, and end when the customer is back."""

import json
import re
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest
from standardwebhooks import Webhook

from stream_app.embedded.ports import choose_port
from tests.deploy.debian import program
from tests.deploy.pages import Page, answers, told
from tests.integration.traffic import moment
from tests.integration.workers import Sent, Tenant, until
from tests.stream_app.delivery.target import Asked, Target, target
from tests.stream_app.test_alerting import Customer

pytestmark = pytest.mark.integration

SECRET = "whsec_bmV3LW5ldy1uZXctbmV3LW5ldy1uZXct"  # noqa: S105 - of this test
ROUTES = Path(__file__).parents[2] / "deploy" / "alertmanager" / "alertmanager.yml"


@contextmanager
def alertmanager(directory: Path, receivers: str) -> Iterator[int]:
    """Port of an Alertmanager that tells others at once, and not after the minute of production."""
    text = ROUTES.read_text().replace("http://localhost:9099", receivers)
    routes = directory / "alertmanager.yml"
    routes.write_text(re.sub(r"group_(wait|interval): \w+", r"group_\1: 1s", text))
    port = choose_port()
    flags = [f"--config.file={routes}", f"--storage.path={directory / 'alertmanager'}"]
    flags += [f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address="]
    with (directory / "alertmanager.log").open("wb") as log:
        process = subprocess.Popen([program("prometheus-alertmanager"), *flags], stdout=log, stderr=log)
        try:
            until(lambda: standing(port) is not None)
            yield port
        finally:
            process.kill()
            process.wait()


def standing(port: int) -> list[dict[str, Any]] | None:
    """The alerts that stand; None while it does not answer."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v2/alerts", timeout=10) as answer:
            found: list[dict[str, Any]] = json.load(answer)
            return found
    except OSError:
        return None


def heard(receivers: Target, path: str) -> list[Asked]:
    return [asked for asked in receivers.asked if asked.path == path]


def test_customer_care_hears_who_is_about_to_leave_and_who_is_back(tenant: Tenant) -> None:
    # As a worker writes them, but of today: Alertmanager passes over what has ended.
    raised, resolved = Customer().buys(0, 10, 20, 30).is_silent_until(300).buys(301).alerts
    raised |= {"raised_at": moment(0.001), "event_time": moment(0.001)}
    resolved |= {"raised_at": raised["raised_at"], "event_time": moment(), "value_segment": "another"}

    def publish(alert: dict[str, Any]) -> None:
        tenant.send([Sent("churn-alerts", b"ann", orjson.dumps(alert))])

    with target() as receivers, alertmanager(tenant.directory, receivers.url) as port:
        metrics = choose_port()
        variables = {
            "ALERTMANAGER_URL": f"http://127.0.0.1:{port}", "LIFECYCLE_METRICS__PORT": str(metrics),
            "WEBHOOK_URL": f"{receivers.url}/hook", "WEBHOOK_SECRET": SECRET,
        }  # fmt: skip
        words = ["--destination", "alertmanager", "--destination", "webhook"]
        deliver = tenant.start(*words, command="deliver", **variables)
        until(lambda: answers(metrics), deliver)
        until(lambda: told(metrics, "readyz")[0] == 200, deliver)
        publish(raised)
        until(lambda: standing(port), deliver)
        (alert,) = standing(port) or []
        assert alert["labels"] == {
            "alertname": "CustomerChurnRisk", "severity": "warning", "source": "lifecycle-churn",
            "customer": "ann", "lifecycle": raised["lifecycle"],
        }  # fmt: skip
        assert [each["name"] for each in alert["receivers"]] == ["customer-care"]
        assert raised["reasons"][0]["text"] in alert["annotations"]["description"]
        assert alert["annotations"]["action"] == raised["recommended_action"]
        until(lambda: heard(receivers, "/customer-care"), deliver)
        assert [each.json["status"] for each in heard(receivers, "/customer-care")] == ["firing"]
        until(lambda: heard(receivers, "/hook"), deliver)
        (signed,) = heard(receivers, "/hook")
        verified = Webhook(SECRET).verify(signed.body, signed.headers)
        assert (verified["type"], verified["data"]) == ("lifecycle.churn.alert", raised)

        publish(resolved)
        until(lambda: standing(port) == [], deliver)
        until(lambda: heard(receivers, "/customer-care")[-1].json["status"] == "resolved", deliver)
        until(lambda: Page(metrics).sum("deliveries_total", outcome="delivered") == 4, deliver)
        page = Page(metrics)
        assert page.by("destination_up", "destination") == {("alertmanager",): 1, ("webhook",): 1}
        assert page.sum("delivery_lag") == 0
        assert told(metrics, "healthz") == (200, {"ok": True, "reasons": []})
        assert deliver.stop() == 0

"""The rules and routes that operators load are tested with the tools that load them."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.debian import program

DEPLOY = Path(__file__).parents[2] / "deploy"
RULES = sorted((DEPLOY / "prometheus" / "rules").glob("*.yml"))
TESTS = sorted((DEPLOY / "prometheus" / "tests").glob("*_test.yml"))


def _run(name: str, *arguments: str | Path) -> None:
    done = subprocess.run(
        [program(name), *map(str, arguments)], cwd=DEPLOY, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_reads_its_configuration() -> None:
    _run("promtool", "check", "config", "--lint=all", "prometheus/prometheus.yml")


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.stem)
def test_alerts_fire_when_they_should_and_only_then(path: Path) -> None:
    _run("promtool", "test", "rules", path)


def test_every_alert_has_a_test_in_which_it_fires() -> None:
    declared = {line.split(":")[1].strip() for line in _lines(RULES) if line.startswith("- alert:")}
    tested = {line.split(":")[1].strip() for line in _lines(TESTS) if line.startswith("alertname:")}
    assert declared
    assert declared == tested


def test_the_alertmanager_reads_its_routes() -> None:
    _run("amtool", "check-config", "alertmanager/alertmanager.yml")


@pytest.mark.parametrize(
    ("receiver", "labels"),
    [
        ("customer-care", ["alertname=CustomerChurnRisk", "source=lifecycle-churn", "severity=warning"]),
        ("customer-care", ["alertname=LifecycleChurnRiskSurge", "severity=warning"]),
        ("on-call", ["alertname=LifecycleRedisDown", "severity=critical"]),
        ("operators", ["alertname=LifecycleModelDrift", "severity=info"]),
    ],
)
def test_each_alert_goes_to_those_who_can_do_something(receiver: str, labels: list[str]) -> None:
    routes = ["config", "routes", "test", "--config.file=alertmanager/alertmanager.yml"]
    _run("amtool", *routes, f"--verify.receivers={receiver}", *labels)


def test_every_alert_says_what_to_do_and_has_an_entry_in_the_runbook() -> None:
    entries = re.findall(r"^## (\w+)$", (DEPLOY / "RUNBOOK.md").read_text(), re.MULTILINE)
    alerts = [alert for alert in _alerts() if "alert" in alert]
    assert [alert["alert"] for alert in alerts if not alert["annotations"]["action"]] == []
    assert {alert["alert"]: alert["annotations"]["runbook"] for alert in alerts} == {
        entry: f"RUNBOOK.md#{entry.lower()}" for entry in entries
    }


def _alerts() -> list[dict[str, Any]]:
    documents = [yaml.safe_load(path.read_text()) for path in RULES]
    return [rule for document in documents for group in document["groups"] for rule in group["rules"]]


def _lines(paths: list[Path]) -> list[str]:
    return [line.strip() for path in paths for line in path.read_text().splitlines()]

"""The rules and routes that operators load are tested with the tools that load them."""

import subprocess
from pathlib import Path

import pytest

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


def _lines(paths: list[Path]) -> list[str]:
    return [line.strip() for path in paths for line in path.read_text().splitlines()]

"""A real Prometheus with our rules, which asks more often and waits less than in production."""

import json
import re
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stream_app.embedded.ports import choose_port
from tests.deploy.debian import program

RULES = Path(__file__).parents[2] / "deploy" / "prometheus" / "rules"

_CONFIGURATION = """
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: ["%s/*.yml"]
scrape_configs: %s
"""


class Prometheus:
    """A running Prometheus, asked through its query API."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}"

    def get(self, path: str, **query: str) -> Any:
        """The data of an answer."""
        asked = f"{self._url}/api/v1/{path}?{urllib.parse.urlencode(query)}"
        with urllib.request.urlopen(asked, timeout=10) as answer:  # noqa: S310 - our own server
            return json.load(answer)["data"]

    def value(self, query: str) -> float | None:
        """The single number that a query gives, ``None`` if it gives nothing."""
        found = self.get("query", query=query)["result"]
        return float(found[0]["value"][1]) if found else None

    def firing(self) -> set[str]:
        """Names of the alerts that fire."""
        alerts = self.get("alerts")["alerts"]
        return {alert["labels"]["alertname"] for alert in alerts if alert["state"] == "firing"}

    def is_up(self) -> bool:
        try:
            return self.get("status/buildinfo") is not None
        except OSError:
            return False


@contextmanager
def running(directory: Path, jobs: Mapping[str, int]) -> Iterator[Prometheus]:
    """Scrape each job on its port of this machine; ends with the block."""
    rules = directory / "rules"
    rules.mkdir(parents=True)
    for path in RULES.glob("*.yml"):
        text = re.sub(r"\bfor: \w+", "for: 1s", re.sub(r"interval: 15s", "interval: 1s", path.read_text()))
        (rules / path.name).write_text(text)
    scraped = [
        {"job_name": job, "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}
        for job, port in jobs.items()
    ]
    configuration = directory / "prometheus.yml"
    configuration.write_text(_CONFIGURATION % (rules, json.dumps(scraped)))
    port = choose_port()
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                program("prometheus"),
                f"--config.file={configuration}",
                f"--storage.tsdb.path={directory / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=log,
            stderr=log,
        )
        try:
            started = Prometheus(port)
            patience = time.monotonic() + 30
            while not started.is_up():
                assert process.poll() is None, (directory / "log").read_text()[-2000:]
                assert time.monotonic() < patience, "Prometheus does not answer"
                time.sleep(0.1)
            yield started
        finally:
            process.kill()
            process.wait()

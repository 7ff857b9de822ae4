"""The metrics page of a process, as a program that is not ours reads it."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample


class Page:
    """One scrape of one process."""

    def __init__(self, port: int) -> None:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
            self.text = answer.read().decode()
        families = text_string_to_metric_families(self.text)
        self._samples = [sample for family in families for sample in family.samples]

    def samples(self, name: str, **labels: str) -> Iterator[Sample]:
        for sample in self._samples:
            if sample.name == f"lifecycle_{name}" and labels.items() <= sample.labels.items():
                yield sample

    def sum(self, name: str, **labels: str) -> float:
        return sum(sample.value for sample in self.samples(name, **labels))

    def by(self, name: str, *labels: str) -> dict[tuple[str, ...], float]:
        """Values that are not 0, by these labels."""
        found: dict[tuple[str, ...], float] = {}
        for sample in self.samples(name):
            key = tuple(sample.labels[label] for label in labels)
            found[key] = found.get(key, 0) + sample.value
        return {key: value for key, value in found.items() if value}

    def partitions(self, name: str) -> set[str]:
        return {sample.labels["partition"] for sample in self.samples(name)}


def told(port: int, name: str) -> tuple[int, dict[str, Any]]:
    """Status and content of a page such as ``readyz``."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/{name}", timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refused:
        return refused.code, json.load(refused)


def answers(port: int) -> bool:
    """Whether the pages of a process are there."""
    try:
        told(port, "healthz")
    except OSError:
        return False
    return True

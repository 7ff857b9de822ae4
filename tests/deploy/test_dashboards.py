"""The dashboards in the repository are what the code writes, and ask for metrics that exist."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stream_app.dashboards.written import write

COMMITTED = Path(__file__).parents[2] / "deploy" / "grafana" / "dashboards"


def test_the_committed_dashboards_are_what_the_command_writes(tmp_path: Path) -> None:
    written = {path.name: path.read_text() for path in write(tmp_path)}
    committed = {path.name: path.read_text() for path in COMMITTED.glob("*.json")}
    assert committed == written, "run `lifecycle dashboards` and commit what it writes"


def test_a_number_is_green_when_all_is_well_and_red_when_it_is_not(tmp_path: Path) -> None:
    panels = [panel for path in write(tmp_path) for panel in json.loads(path.read_text())["panels"]]
    colours = {panel["title"]: _colour(panel) for panel in panels if panel["type"] == "stat"}

    assert {title: colour(0) for title, colour in colours.items()} == {
        "Workers": "red", "Trainer": "red", "Redis": "red", "Kafka": "red", "Destinations": "red",
        "Events behind": "green", "Refused": "green", "Customers": "green",
    }  # fmt: skip
    assert {colours[title](1) for title in ("Workers", "Trainer", "Redis", "Kafka", "Destinations")} == {
        "green"
    }
    assert (colours["Customers"](1_000_000), colours["Events behind"](20_000)) == ("green", "red")


def _colour(panel: dict[str, Any]) -> Callable[[float], str]:
    """The colour of a number, as Grafana gives it: that of the last threshold which it reaches."""
    steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
    return lambda value: [step["color"] for step in steps if step["value"] is None or value >= step["value"]][
        -1
    ]

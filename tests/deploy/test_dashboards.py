"""The dashboards in the repository are what the code writes, and ask for metrics that exist."""

from pathlib import Path

from stream_app.dashboards.written import write

COMMITTED = Path(__file__).parents[2] / "deploy" / "grafana" / "dashboards"


def test_the_committed_dashboards_are_what_the_command_writes(tmp_path: Path) -> None:
    written = {path.name: path.read_text() for path in write(tmp_path)}
    committed = {path.name: path.read_text() for path in COMMITTED.glob("*.json")}
    assert committed == written, "run `lifecycle dashboards` and commit what it writes"

"""Dashboards as the JSON files that Grafana reads."""

from collections.abc import Iterator
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from stream_app.dashboards.boards import BOARDS
from stream_app.dashboards.panel import build

__all__ = ["write"]


def write(directory: Path) -> Iterator[Path]:
    """Write every dashboard into *directory*; yields the paths.

    The text follows from the code alone, so a difference to a committed file is a change that was not generated.
    """
    directory.mkdir(parents=True, exist_ok=True)
    for board in BOARDS:
        path = directory / f"{board.uid}.json"
        text = JSONEncoder(sort_keys=True, indent=2).encode(build(board).build())
        path.write_text(text + "\n", encoding="utf-8")
        yield path

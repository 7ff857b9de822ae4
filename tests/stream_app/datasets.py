"""Where the data sets are that may not be copied here, and how a reader is opened in a test."""

import os
from pathlib import Path

import pytest

from state.events import Bounds
from state.instants import parse_instant
from state.measures import MeasureMap
from stream_app.bundled import bundled
from stream_app.sources import Columns, Source, open_source, topic_chooser

CHECKOUT = Path(__file__).resolve().parents[2]
EXCERPTS = CHECKOUT / "tests" / "data"
BUNDLED = bundled("data", "online_retail_ii_orders.csv.gz")
NOW = parse_instant("2026-01-01T00:00:00Z")
KINDS = MeasureMap.parse(bundled("measures.toml").read_text("utf-8"))


def dataset(name: str) -> Path:
    """The path of a data set; without it the test is skipped, in CI it fails."""
    folder = Path(os.environ.get("LIFECYCLE_TEST_DATA", CHECKOUT.parent / "shared" / "data"))
    path = folder / name
    if not path.is_file():
        reason = f"{path} is absent; set LIFECYCLE_TEST_DATA to the folder that holds the data sets"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return path


def opened(
    path: Path,
    form: str,
    *,
    columns: Columns | None = None,
    order: str = "time",
    topic_map: Path | None = None,
) -> Source:
    return open_source(
        path,
        form,
        topic_of=topic_chooser(KINDS, topic_map),
        kinds=KINDS,
        bounds=Bounds(),
        received_at=NOW,
        columns=columns,
        order=order,
    )

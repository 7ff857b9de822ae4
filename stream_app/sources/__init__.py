"""Data sets as streams of events: the same bytes for `replay`, which sends them, and for `backtest`."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from state.events import Bounds, decode
from state.measures import MeasureMap
from state.rejection import Rejected
from stream_app.errors import Misconfigured
from stream_app.sources import (
    cdnow,
    csv_columns,
    events,
    online_retail,
    rees46,
    retailrocket,
    starbucks,
    taobao,
)
from stream_app.sources.csv_columns import Columns
from stream_app.sources.files import byte_lines, text_lines
from stream_app.sources.ordering import in_event_time
from stream_app.sources.record import Reading, Record, SourceUnreadable, TopicOf
from stream_app.sources.topic_map import topic_chooser

__all__ = [
    "FORMATS",
    "Columns",
    "Reading",
    "Record",
    "Source",
    "SourceUnreadable",
    "TopicOf",
    "open_source",
    "topic_chooser",
]

_TABLES: dict[str, Callable[[Iterator[str], Reading], Iterator[Record]]] = {
    "cdnow": cdnow.read,
    "online-retail": online_retail.read,
    "rees46": rees46.read,
    "retailrocket": retailrocket.read,
    "taobao": taobao.read,
    "starbucks": starbucks.read,
}
FORMATS = ("events", *_TABLES, "csv")
"""What `--format` accepts."""

ORDERS = ("time", "arrival")
"""What `--order` accepts: by event time (stable), or as the file has it."""

_NOTICES = {"starbucks": "simulated by its publisher"}


@dataclass(frozen=True, slots=True)
class Source:
    """An opened source.

    Args:
        records: To be read once; reading may raise `SourceUnreadable`.
        reading: What the reader had to leave out or to pass on unread; complete when the records are.
        notice: What must be said wherever the source is shown; empty for real data.
    """

    records: Iterator[Record]
    reading: Reading
    notice: str = ""


def open_source(
    path: str | Path,
    form: str,
    *,
    topic_of: TopicOf,
    kinds: MeasureMap,
    bounds: Bounds,
    received_at: int,
    columns: Columns | None = None,
    order: str = "time",
) -> Source:
    """Open a data set for reading.

    Args:
        path: A file, plain or compressed by gzip, xz or bzip2; `-` is standard input.
        form: One of `FORMATS`.
        topic_of: Chooses the topic of each event, see `topic_chooser`.
        kinds: Which event names count as something.
        bounds: Which events the worker rejects; a rejected line does not move time.
        received_at: Processing time in microseconds since 1970 UTC.
        columns: Which column is what; for the format `csv` only.
        order: One of `ORDERS`.

    Raises:
        Misconfigured: If the format or the order is unknown, or a mapping is missing or not wanted.
        SourceUnreadable: When the records are read.
    """
    if form not in FORMATS:
        raise Misconfigured(f"--format {form}: is unknown; use one of {', '.join(FORMATS)}")
    if order not in ORDERS:
        raise Misconfigured(f"--order {order}: is unknown; use one of {', '.join(ORDERS)}")
    if (columns is not None) != (form == "csv"):
        raise Misconfigured(
            "--column belongs to --format csv, and --format csv needs it: --column customer=COLUMN …"
        )

    def refuses(value: bytes) -> bool:
        try:
            decode(value, None, kinds, bounds, received_at)
        except Rejected:
            return True
        return False

    reading = Reading(str(path), topic_of, received_at, refuses=refuses)
    if form == "events":
        records = events.read(byte_lines(path), reading, kinds, bounds)
    elif columns is not None:
        records = csv_columns.read(text_lines(path), reading, columns)
    else:
        records = _TABLES[form](text_lines(path), reading)
    counted = _counted(records, reading)
    ordered = in_event_time(counted) if order == "time" else counted
    return Source(ordered, reading, _NOTICES.get(form, ""))


def _counted(records: Iterator[Record], reading: Reading) -> Iterator[Record]:
    for record in records:
        reading.read += 1
        yield record

"""Reader of any CSV file with a header, told by a mapping which column is what.

Known fields: `customer`, `timestamp` (both required), `event`, `messageId`; every other field of the mapping
becomes a property of the event under its name, as a number if it reads as one (`revenue=amount` makes the
column `amount` the order's revenue).
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

from stream_app.errors import Misconfigured
from stream_app.sources.record import Reading, Record
from stream_app.sources.tabular import comma_rows, header_positions, records_of
from stream_app.sources.times import parse_time
from stream_app.sources.wire import track

_FIELDS = ("customer", "timestamp", "event", "messageId")


@dataclass(frozen=True, slots=True)
class Columns:
    """Which column is what.

    Args:
        columns: Field name to column name.
        event: Event name of every row, for a file without a column of event names.
        renames: What the event column says, to the event name that is meant; names without an entry stay as
            they are.

    Raises:
        Misconfigured: If the customer, the timestamp or the event is not mapped.

    Examples:
        >>> Columns({"customer": "user", "timestamp": "when"})
        Traceback (most recent call last):
        ...
        stream_app.errors.Misconfigured: --column: no column for event; give event=COLUMN or --event NAME
    """

    columns: Mapping[str, str]
    event: str = ""
    renames: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("customer", "timestamp"):
            if name not in self.columns:
                raise Misconfigured(f"--column: no column for {name}; give {name}=COLUMN")
        if "event" not in self.columns and not self.event:
            raise Misconfigured("--column: no column for event; give event=COLUMN or --event NAME")


def read(lines: Iterator[str], reading: Reading, mapping: Columns) -> Iterator[Record]:
    """Yield a `track` event for each row; without a `messageId` column its id is file name and row number."""
    rows = comma_rows(lines)
    where = header_positions(rows, reading, mapping.columns.values())
    at_column = where[mapping.columns["timestamp"]]
    customer_column = where[mapping.columns["customer"]]
    event_column = where.get(mapping.columns.get("event", ""))
    id_column = where.get(mapping.columns.get("messageId", ""))
    properties = [(where[column], name) for name, column in mapping.columns.items() if name not in _FIELDS]
    stem = PurePath(reading.name).name.split(".")[0]

    def read_row(number: int, row: list[str]) -> Record:
        event = mapping.event if event_column is None else row[event_column]
        event = mapping.renames.get(event, event)
        at = parse_time(row[at_column])
        customer = row[customer_column]
        message_id = f"{stem}-{number}" if id_column is None else row[id_column]
        values = {name: _number_or_text(row[index]) for index, name in properties if row[index]}
        value = track(message_id, customer, at, event, values)
        return Record(at, reading.topic_of("track", event), customer, value)

    return records_of(rows, reading, read_row, ",".join(mapping.columns.values()))


def _number_or_text(text: str) -> Any:
    try:
        number = float(text)
    except ValueError:
        return text
    return number if math.isfinite(number) else text

"""How the rows of a table become records: the loop that every reader of a fixed table shares.

A row that cannot be read is passed on as it is, so that it becomes a dead letter with its original text
instead of being lost or ending a replay after hours. Like one that the worker rejects, such as a date in 2099, it moves
no time: it stands at the time of the row before it. Only if the very first row cannot be read is the source
refused: then it is another format.
"""

import csv
from collections.abc import Callable, Iterable, Iterator

from stream_app.sources.record import Reading, Record, SourceUnreadable

MALFORMED_TOPIC = "clickstream"
"""Where an unreadable row goes; the worker makes it a dead letter whatever the topic."""

ReadRow = Callable[[int, list[str]], Record | None]
"""Turns a row (numbered from 1, without the header) into a record; None leaves it out on purpose."""

_UNREADABLE = (ValueError, IndexError, KeyError, OverflowError)


def records_of(
    rows: Iterable[list[str]], reading: Reading, read_row: ReadRow, expected: str
) -> Iterator[Record]:
    """Yield the record of each row.

    Args:
        rows: The rows after the header; empty ones are skipped.
        reading: Gets the count of malformed rows.
        read_row: Raises `ValueError` or `IndexError` for a row that it cannot read.
        expected: What a row looks like, for the message.

    Raises:
        SourceUnreadable: If the first row cannot be read.
    """
    at = 0
    number = 0
    for row in rows:
        if not row:
            continue
        number += 1
        is_refused = True
        try:
            record = read_row(number, row)
            is_refused = record is not None and reading.refuses(record.value)
        except _UNREADABLE as error:
            if number == 1:
                raise SourceUnreadable(
                    f"{reading.name}: row 1 cannot be read ({error}); expected {expected}; check --format"
                ) from error
            record = Record(at, MALFORMED_TOPIC, "", ",".join(row).encode())
        if record is None:
            continue
        if is_refused:
            reading.malformed += 1
            record = record._replace(at=at)
        at = record.at
        yield record


def header_positions(rows: Iterator[list[str]], reading: Reading, wanted: Iterable[str]) -> dict[str, int]:
    """Read the header row: where each column stands.

    Raises:
        SourceUnreadable: If the file is empty or a wanted column is missing.
    """
    header = next(rows, None)
    if header is None:
        raise SourceUnreadable(f"{reading.name}: is empty; expected a header line")
    positions = {name.strip(): index for index, name in enumerate(header)}
    missing = [name for name in wanted if name not in positions]
    if missing:
        raise SourceUnreadable(
            f"{reading.name}: line 1 has no column {', '.join(missing)}; "
            f"it has {', '.join(positions)}; check --format"
        )
    return positions


def comma_rows(lines: Iterable[str]) -> Iterator[list[str]]:
    """Split lines into fields as CSV writes them; what CSV refuses, such as a huge field, is one field."""
    reader = csv.reader(lines)
    while True:
        try:
            yield next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield [f"line {reader.line_num}: {error}"]

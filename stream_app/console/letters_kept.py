"""Dead letters, folded into the store: where each stands and why it was refused. The raw record stays in Kafka."""

import sqlite3
from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

from stream_app.console.history import DAY_US

__all__ = ["keep_letters"]

_LONGEST: Final = 500
_COUNT: Final = (
    "INSERT INTO letter_count VALUES (?, ?, ?) ON CONFLICT (day, reason) "
    "DO UPDATE SET letters = letters + excluded.letters"
)


def keep_letters(connection: sqlite3.Connection, records: Iterable[Any]) -> None:
    """Add records of ``lifecycle.dead-letters``, as aiokafka gives them."""
    rows, counts = [], Counter[tuple[int, str]]()
    for record in records:
        headers = {name: (value or b"").decode("utf-8", "replace") for name, value in record.headers}
        reason = headers.get("reason", "unknown")[:_LONGEST]
        at = record.timestamp * 1000
        key = (record.key or b"").decode("utf-8", "replace")[:_LONGEST]
        rows.append(
            (
                record.partition,
                record.offset,
                at,
                reason,
                headers.get("sentence", "")[:_LONGEST],
                headers.get("topic", ""),
                headers.get("partition", ""),
                headers.get("offset", ""),
                key,
                len(record.value or b""),
            )
        )
        counts[at // DAY_US, reason] += 1
    connection.executemany("INSERT OR REPLACE INTO letter VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
    connection.executemany(_COUNT, [(*key, number) for key, number in counts.items()])

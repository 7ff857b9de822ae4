"""Churn alerts, folded into the store: what stands about each customer, and why."""

import sqlite3
from collections.abc import Iterable
from typing import Any, Final

import orjson

from state import parse_instant

__all__ = ["forget_alert", "keep_alerts"]

_UPSERT: Final = (
    "INSERT INTO alert VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (lifecycle, customer) DO UPDATE SET version "
    "= excluded.version, "
    # Told once more that it is resolved, as by a republish, it stays as it is: the first record has said when that was.
    "at = CASE WHEN status = 'resolved' AND excluded.status = 'resolved' THEN at ELSE excluded.at END, "
    "status = excluded.status, reasons = excluded.reasons WHERE excluded.version >= version"
)


def keep_alerts(connection: sqlite3.Connection, values: Iterable[bytes | None]) -> None:
    """Add records of ``lifecycle.churn-alerts``; an older version changes nothing."""
    for value in values:
        row = _row(value)
        if row is None:
            continue
        if row[3] == "erased":
            forget_alert(connection, *row[:3])
        else:
            connection.execute(_UPSERT, row)


def forget_alert(connection: sqlite3.Connection, lifecycle: str, customer: str, version: int) -> None:
    """Forget what was told of a customer up to a version: one who came back may have a later alert already."""
    connection.execute(
        "DELETE FROM alert WHERE lifecycle = ? AND customer = ? AND version <= ?",
        (lifecycle, customer, version),
    )


def _row(value: bytes | None) -> tuple[Any, ...] | None:
    try:
        told = orjson.loads(value or b"")
        status = told.get("status", "raised")
        at = told.get("event_time") if status == "resolved" else told.get("raised_at")
        reasons = [reason["text"] for reason in told.get("reasons") or ()]
        instant = parse_instant(at) if at else 0
        return (
            told["lifecycle"], told["customer_id"], told["version"], status, instant, orjson.dumps(reasons).decode(),
        )  # fmt: skip
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError, ValueError):
        return None

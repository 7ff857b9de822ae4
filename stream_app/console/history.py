"""Stage changes, folded into the store: where everybody stands, who moved when, and how many a day."""

import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final

import orjson

from state import parse_instant
from stream_app.console.alerts_kept import forget_alert
from stream_app.console.store import NEW

__all__ = ["DAY_US", "KNOWN_BEFORE", "StageChanges"]

DAY_US: Final = 86_400_000_000
KNOWN_BEFORE: Final = "known before"
"""Why a customer is counted whose way the topic does not tell: no move of that day, and nobody new."""
_UPSERT: Final = (
    "INSERT OR REPLACE INTO standing (lifecycle, customer, version, stage, since, risk, next_stage, "
    "next_p, segment, action, "
    "revenue, orders, at, at_stake) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_ADD: Final = (
    "INSERT INTO flow VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (lifecycle, day, from_stage, to_stage, reason) "
    "DO UPDATE SET customers = customers + excluded.customers"
)
_AT_ONCE: Final = 400
Who = tuple[str, str]


class StageChanges:
    """Folds records of ``lifecycle.stage-changes``.

    What was seen before, by version, changes nothing. Days count where customers *were known to be*: when a
    record skips states that
    were never published, or the topic no longer reaches back to the beginning, the sums still equal the customers
    of each stage.

    Args:
        lost: Names of the stages from which nobody is to be saved any more, by lifecycle.
    """

    def __init__(self, lost: Mapping[str, frozenset[str]]) -> None:
        self._lost = lost

    def fold(self, connection: sqlite3.Connection, values: Iterable[bytes | None]) -> None:
        """Add records, in the order of their offsets for each customer."""
        told = [body for value in values if (body := _read(value)) is not None]
        known = _known(connection, {(body["lifecycle"], body["customer_id"]) for body in told})
        fresh: dict[Who, tuple[Any, ...]] = {}
        erased: dict[Who, int] = {}
        moves: list[tuple[Any, ...]] = []
        flows: Counter[tuple[Any, ...]] = Counter()
        for body in told:
            who = body["lifecycle"], body["customer_id"]
            version, stage = known.get(who, (-1, NEW))
            if body["version"] <= version:
                continue
            if body.get("erased"):
                day = flows_day(connection, who, fresh) if stage else 0
                if stage:
                    flows[who[0], day, stage, NEW, "erased"] += 1
                fresh.pop(who, None)
                moves = [move for move in moves if move[:2] != who]
                erased[who] = body["version"]
                known[who] = body["version"], NEW
                continue
            at = parse_instant(body["event_time"])
            moves.extend(_moves(body, who, stage, at, flows))
            fresh[who] = self._standing(body, who, at)
            known[who] = body["version"], body["stage"]
        _forget(connection, erased)
        connection.executemany(_UPSERT, fresh.values())
        connection.executemany("INSERT OR IGNORE INTO move VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", moves)
        connection.executemany(_ADD, [(*key, number) for key, number in flows.items()])
        if fresh:
            newest = max(standing[12] for standing in fresh.values())
            connection.execute(
                "INSERT INTO fact VALUES ('newest', ?) ON CONFLICT (name) DO UPDATE SET value = max(value, excluded.value)",
                (newest,),
            )

    def _standing(self, body: Mapping[str, Any], who: Who, at: int) -> tuple[Any, ...]:
        risk, revenue = body.get("churn_risk"), body.get("revenue") or 0.0
        is_lost = body["stage"] in self._lost.get(who[0], ())
        return (
            *who, body["version"], body["stage"], body.get("since"), risk, body.get("next_stage"),
            body.get("next_stage_probability"), body.get("value_segment"), body.get("recommended_action"), revenue,
            body.get("orders") or 0, at, 0.0 if is_lost or risk is None else risk * max(revenue, 0.0),
        )  # fmt: skip


def flows_day(connection: sqlite3.Connection, who: Who, fresh: Mapping[Who, tuple[Any, ...]]) -> int:
    """The day of a customer's last change: on it an erased one leaves the sums, for an erasure has no event time."""
    if who in fresh:
        return int(fresh[who][12]) // DAY_US
    row = connection.execute("SELECT at FROM standing WHERE lifecycle = ? AND customer = ?", who).fetchone()
    return int(row[0]) // DAY_US if row else 0


def _read(value: bytes | None) -> dict[str, Any] | None:
    """The record, or None for what is no stage change: markers, and what others may have written."""
    try:
        body = orjson.loads(value or b"")
    except orjson.JSONDecodeError:
        return None
    if not isinstance(body, dict):
        return None
    names = isinstance(body.get("customer_id"), str) and isinstance(body.get("lifecycle"), str)
    return body if names and isinstance(body.get("version"), int) and _is_whole(body) else None


def _is_whole(body: Mapping[str, Any]) -> bool:
    if body.get("erased"):
        return True
    if not (isinstance(body.get("stage"), str) and isinstance(body.get("reason"), str)):
        return False
    numbers = (body.get("churn_risk"), body.get("revenue"))
    return _is_instant(body.get("event_time")) and all(isinstance(one, int | float | None) for one in numbers)


def _is_instant(text: Any) -> bool:
    if not isinstance(text, str):
        return False
    try:
        parse_instant(text)
    except ValueError:
        return False
    return True


def _known(connection: sqlite3.Connection, wanted: set[Who]) -> dict[Who, tuple[int, str]]:
    """Version and stage of those who are known; an erased customer has a version and no stage."""
    found: dict[Who, tuple[int, str]] = {}
    names = list(wanted)
    for start in range(0, len(names), _AT_ONCE):
        part = names[start : start + _AT_ONCE]
        marks = ",".join(["(?, ?)"] * len(part))
        values = [value for who in part for value in who]
        for table, stage in (("gone", "''"), ("standing", "stage")):
            question = (
                f"SELECT lifecycle, customer, version, {stage} FROM {table} "  # noqa: S608 - names of this module
                f"WHERE (lifecycle, customer) IN (VALUES {marks})"
            )
            for lifecycle, customer, version, standing in connection.execute(question, values):
                found[lifecycle, customer] = version, standing
    return found


def _moves(
    body: Mapping[str, Any], who: Who, stage: str, at: int, flows: Counter[tuple[Any, ...]]
) -> Iterable[tuple[Any, ...]]:
    """The move that a change tells, if any; counts it by day."""
    before, after, reason = body.get("previous_stage") or NEW, body["stage"], body["reason"]
    day = at // DAY_US
    if not stage and (before or reason == "rescored"):
        # The topic no longer tells how this customer came here.
        start = before if reason != "rescored" else after
        flows[who[0], day, NEW, start, KNOWN_BEFORE] += 1
        stage = start
    if stage != after:
        flows[who[0], day, stage, after, reason if reason != "rescored" else KNOWN_BEFORE] += 1
    if reason != "rescored":
        yield (
            *who,
            body["version"],
            at,
            stage if stage != after else before,
            after,
            reason,
            body.get("churn_risk"),
            body.get("cycle"),
        )


def _forget(connection: sqlite3.Connection, erased: Mapping[Who, int]) -> None:
    for who, version in erased.items():
        for table in ("standing", "move"):
            connection.execute(f"DELETE FROM {table} WHERE lifecycle = ? AND customer = ?", who)  # noqa: S608 - same
        forget_alert(connection, *who, version)  # which come on a topic of their own
        connection.execute("INSERT OR REPLACE INTO gone VALUES (?, ?, ?)", (*who, version))

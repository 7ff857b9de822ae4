"""Answered questions, folded into the store: how good each prediction was, as it was made before the answer was known.

The console counts the training topic itself, so it is a second opinion about what the trainer says of itself.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Iterable
from typing import Final

import msgspec

from scorers.evaluation import clipped, log_loss
from scorers.example import Example, decode_example

__all__ = ["BINS", "keep_answers"]

BINS: Final = 1000
"""Resolution of a risk: enough for an AUC that is right to the third digit."""
_REMEMBERED: Final = 100_000  # ids; a second delivery comes within seconds
_CERTAIN: Final = 1e-15
_CHURN: Final = (
    "INSERT INTO answer VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (lifecycle, month, bin) DO UPDATE SET "
    "churned = churned + excluded.churned, kept = kept + excluded.kept, risk = risk + excluded.risk, "
    "log_loss = log_loss + excluded.log_loss, squares = squares + excluded.squares, base_loss = "
    "base_loss + excluded.base_loss"
)
_OTHER: Final = (
    "INSERT INTO other_answer VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (lifecycle, month) DO UPDATE SET "
    "moves = moves + excluded.moves, right = right + excluded.right, move_loss = move_loss + excluded.move_loss, "
    "spends = spends + excluded.spends, spent = spent + excluded.spent, expected = expected + excluded.expected, "
    "error = error + excluded.error, stayed = stayed + excluded.stayed"
)


def keep_answers(connection: sqlite3.Connection, values: Iterable[bytes | None]) -> None:
    """Add records of ``lifecycle.training``; a second delivery changes nothing."""
    churn: dict[tuple[str, int, int], list[float]] = defaultdict(lambda: [0.0] * 6)
    other: dict[tuple[str, int], list[float]] = defaultdict(lambda: [0.0] * 8)
    seen = _base_rates(connection)
    for example in _fresh(connection, values):
        month = _month(example.asked_at)
        if example.churned is not None and example.churn_risk is not None:
            _churn(
                churn[example.lifecycle, month, _bin(example.churn_risk)], seen[example.lifecycle], example
            )
        sums = other[example.lifecycle, month]
        _next(sums, example)
        _value(sums, example)
    connection.executemany(_CHURN, [(*key, *sums) for key, sums in churn.items()])
    connection.executemany(_OTHER, [(*key, *sums) for key, sums in other.items()])


def _fresh(connection: sqlite3.Connection, values: Iterable[bytes | None]) -> Iterable[Example]:
    (number,) = connection.execute("SELECT coalesce(max(number), 0) FROM answered").fetchone()
    for value in values:
        try:
            example = decode_example(value or b"")
        except (msgspec.DecodeError, msgspec.ValidationError):
            continue
        number += 1
        if connection.execute("INSERT OR IGNORE INTO answered VALUES (?, ?)", (example.id, number)).rowcount:
            yield example
    connection.execute("DELETE FROM answered WHERE number <= ?", (number - _REMEMBERED,))


def _base_rates(connection: sqlite3.Connection) -> dict[str, list[int]]:
    """How many churned and how many were kept so far, by lifecycle."""
    seen: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    question = "SELECT lifecycle, sum(kept), sum(churned) FROM answer GROUP BY lifecycle"
    for lifecycle, kept, churned in connection.execute(question):
        seen[lifecycle] = [kept, churned]
    return seen


def _churn(sums: list[float], seen: list[int], example: Example) -> None:
    label, risk = int(example.churned or 0), clipped(example.churn_risk or 0.0)
    base = (seen[1] + 1.0) / (seen[0] + seen[1] + 2.0)
    seen[label] += 1
    for at, value in enumerate(
        (label, 1 - label, risk, log_loss(risk, label), (risk - label) ** 2, log_loss(base, label))
    ):
        sums[at] += value


def _next(sums: list[float], example: Example) -> None:
    if example.next is None or not example.next_stage:
        return
    likeliest = max(example.next_stage, key=lambda stage: example.next_stage[stage])
    sums[0] += 1
    sums[1] += likeliest == example.next
    sums[2] += log_loss(max(example.next_stage.get(example.next, 0.0), _CERTAIN), 1)
    sums[7] += example.next == example.stage


def _value(sums: list[float], example: Example) -> None:
    if example.spent is None or example.value is None:
        return
    for at, value in enumerate((1.0, example.spent, example.value, abs(example.spent - example.value)), 3):
        sums[at] += value


def _bin(risk: float) -> int:
    return min(int(clipped(risk) * BINS), BINS - 1)


def _month(instant: str) -> int:
    """Months since year 0, of an instant in RFC 3339."""
    return int(instant[:4]) * 12 + int(instant[5:7]) - 1

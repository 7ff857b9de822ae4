"""Who came, went and stood where, day by day: from the sums of the store."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from stream_app.console.asked import Asked, day_text
from stream_app.console.history import KNOWN_BEFORE
from stream_app.console.store import NEW, Store

__all__ = ["Flow", "comings", "counts", "flows", "trend"]

_MOST_POINTS = 240
_MOST_BARS = 60


class Flow(NamedTuple):
    """Moves of one kind within the period."""

    before: str
    after: str
    reason: str
    customers: int


def counts(store: Store, lifecycle: str) -> dict[str, int]:
    """Customers by stage, now."""
    question = (
        "SELECT stage, sum(customers) FROM (SELECT to_stage AS stage, customers FROM flow WHERE lifecycle = ?1 UNION ALL "
        "SELECT from_stage, -customers FROM flow WHERE lifecycle = ?1) WHERE stage != '' GROUP BY stage"
    )
    return {stage: number for stage, number in store.rows(question, lifecycle) if number}


def flows(store: Store, asked: Asked) -> list[Flow]:
    """Moves within the period by stages and reason; who was known before is counted, but has not moved."""
    question = (
        "SELECT from_stage, to_stage, reason, sum(customers) FROM flow WHERE lifecycle = ? AND day BETWEEN ? AND ? "
        "AND reason != ? GROUP BY from_stage, to_stage, reason"
    )
    values = asked.lifecycle, asked.first, asked.last, KNOWN_BEFORE
    return [Flow(*row) for row in store.rows(question, *values)]


def trend(
    store: Store, asked: Asked, stages: Sequence[str]
) -> tuple[list[str], dict[str, list[float | None]]]:
    """Customers of each stage at the ends of days within the period; at most some hundred days."""
    steps: dict[int, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    question = (
        "SELECT day, from_stage, to_stage, sum(customers) FROM flow WHERE lifecycle = ? AND day <= ? "
        "GROUP BY day, from_stage, to_stage"
    )
    for day, before, after, number in store.rows(question, asked.lifecycle, asked.last):
        steps[day][before] -= number
        steps[day][after] += number
    stride = max(1, -(-(asked.last - asked.first + 1) // _MOST_POINTS))
    shown = range(asked.last, asked.first - 1, -stride)[::-1]
    return [day_text(day) for day in shown], _cumulated(steps, shown, stages)


def _cumulated(
    steps: Mapping[int, Mapping[str, int]], shown: Sequence[int], stages: Sequence[str]
) -> dict[str, list[float | None]]:
    standing = dict.fromkeys((*stages, NEW), 0)
    told: dict[str, list[float | None]] = {stage: [] for stage in stages}
    days = sorted(steps)
    at = 0
    for day in shown:
        while at < len(days) and days[at] <= day:
            for stage, change in steps[days[at]].items():
                standing[stage] = standing.get(stage, 0) + change
            at += 1
        for stage in stages:
            told[stage].append(standing[stage])
    return told


def comings(store: Store, asked: Asked) -> tuple[list[str], dict[str, list[float | None]]]:
    """Moves of each kind in each part of the period: by day, or by as many days as give some sixty parts."""
    stride = max(1, -(-(asked.last - asked.first + 1) // _MOST_BARS))
    starts = range(asked.first, asked.last + 1, stride)
    question = (
        "SELECT (day - ?) / ?, reason, sum(customers) FROM flow WHERE lifecycle = ? AND day >= ? AND day <= ? "
        "AND reason != ? GROUP BY 1, reason"
    )
    values = asked.first, stride, asked.lifecycle, asked.first, asked.last, KNOWN_BEFORE
    found: dict[str, list[float | None]] = {}
    for part, reason, number in store.rows(question, *values):
        found.setdefault(reason, [0] * len(starts))[part] = number
    return [day_text(day) for day in starts], dict(
        sorted(found.items(), key=lambda kind: -sum(filter(None, kind[1])))
    )

"""Would a lifecycle move somebody in circles by time alone? Such a file is refused when it is loaded.

Without ``days_in_stage`` and ``cycle`` in an ``enter`` it cannot happen: in the long run every age is past
all thresholds and every window is empty, each condition has settled, and whoever stands somewhere moves to
the last stage that holds and stays. Those two names are different, because a move resets or raises them.
For lifecycles that enter by them the long run is tried out, with the compiled rules themselves, for
lifetime totals and scores around every threshold.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice, product
from math import inf
from typing import TYPE_CHECKING, Final

from scorers.conditions import SCORES
from scorers.crossing import DAY, FAR
from scorers.definition import LifecycleError
from scorers.expressions import (
    Arithmetic,
    Comparison,
    Condition,
    Every,
    Name,
    Negative,
    Not,
    Number,
    Some,
    Value,
    names,
)
from scorers.journey import FIRST_CYCLE

if TYPE_CHECKING:
    from scorers.lifecycle import Lifecycle

_WINDOWED: Final = re.compile(r".*_[0-9]+[dh]")
_MOST_TRIALS: Final = 2_000
_NOW: Final = 2_000_000 * DAY
_LONG_AGO: Final = 0


@dataclass(slots=True)
class _Imagined:
    stage: int
    since: int
    cycle: int


def refuse_flapping(lifecycle: "Lifecycle") -> None:
    """Try the long run of a lifecycle whose stages are entered by the time or the cycle spent.

    Raises:
        LifecycleError: Naming the circle and what to do.
    """
    entered_by = {name.name for stage in lifecycle.stages if stage.enter for name in names(stage.enter)}
    if entered_by.isdisjoint({"days_in_stage", "cycle"}):
        return
    for vector, risk, chance in islice(_long_runs(lifecycle), _MOST_TRIALS):
        for start in range(len(lifecycle.stages)):
            circle = _circle(lifecycle, vector, risk, chance, start)
            if circle:
                path = " -> ".join(lifecycle.stages[stage].name for stage in circle)
                raise LifecycleError(
                    f"{lifecycle.declared.source}:1: time alone would move customers in a circle for ever: "
                    f"{path}; give the stage that is entered by days_in_stage a leave condition that stays "
                    "false there"
                )


def _circle(
    lifecycle: "Lifecycle", vector: list[float], risk: float, chance: float, start: int
) -> list[int] | None:
    standing = _Imagined(start, _NOW, FIRST_CYCLE)
    at, path = _NOW, [start]
    for _ in range(4 * len(lifecycle.stages) + 4):
        at = lifecycle.next_change(at, vector, standing, risk, chance)
        if at == FAR:
            return None
        after = lifecycle.decide(at, vector, standing, risk, chance)
        if after != standing.stage:
            cycle = lifecycle.next_cycle(standing.stage, after, standing.cycle)
            standing = _Imagined(after, at, cycle)
            path.append(after)
    again = len(path) - 2 - path[-2::-1].index(path[-1]) if path[-1] in path[:-1] else -1
    return path[again:] if again >= 0 else None


def _long_runs(lifecycle: "Lifecycle") -> Iterator[tuple[list[float], float, float]]:
    """Vectors as they are when nothing has happened for ages, the lifetime totals and scores varied."""
    around: dict[str, set[float]] = {}
    for stage in lifecycle.stages:
        for condition in (stage.enter, stage.leave):
            if condition is not None:
                _collect(condition, around)
    choices = [_choices(name, around, lifecycle) for name in lifecycle.features]
    scores = [
        sorted({0.0, 1.0, *(x for x in around.get(name, ()) if 0 <= x <= 1)}) for name in sorted(SCORES)
    ]
    for drawn in product(*scores, *choices):
        yield list(drawn[2:]), drawn[0], drawn[1]


def _choices(name: str, around: dict[str, set[float]], lifecycle: "Lifecycle") -> list[float]:
    if lifecycle.is_age(name):
        return [_LONG_AGO, -inf]
    if _WINDOWED.fullmatch(name) and not name.startswith("order_trend"):
        return [0]
    if name.startswith("order_trend"):
        return [1]  # nothing against nothing
    return sorted({0.0, *(max(0.0, x) for x in around.get(name, ()))})


def _collect(tree: Condition, around: dict[str, set[float]]) -> None:
    match tree:
        case Not(operand):
            _collect(operand, around)
        case Every(operands) | Some(operands):
            for operand in operands:
                _collect(operand, around)
        case Comparison(_, left, right):
            limits = [*_literals(left), *_literals(right)]
            for name in names(tree):
                around.setdefault(name.name, set()).update(x + d for x in limits for d in (-1.0, 0.0, 1.0))


def _literals(tree: Value) -> list[float]:
    match tree:
        case Number(text):
            return [float(Fraction(text))]
        case Name():
            return []
        case Negative(operand):
            return [-x for x in _literals(operand)]
        case Arithmetic(_, left, right):
            return _literals(left) + _literals(right)

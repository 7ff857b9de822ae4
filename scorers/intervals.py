"""Where can a value lie during a span of time? Interval arithmetic over the trees of conditions.

Rounding is monotone, so an operation applied to the ends of two intervals, in the floating point that the
conditions themselves use, bounds every result that the condition can compute in between: the answers are
certain without any outward rounding. Only where two ages meet in a ratio or difference is the formula used
instead of the ends, because both move together; there the bounds are widened by a few units in the last
place.
"""

from collections.abc import Callable, Mapping
from math import inf, isnan, nan
from typing import Final, TypeAlias

from scorers.crossing import DAY, Origin, Outcome, Vector, divide
from scorers.expressions import Arithmetic, Comparison, Name, Negative, Number, Value, names

Span: TypeAlias = tuple[float, float]
"""Lowest and highest value. Equal ends are that very number, or certainly no number."""

Enclosure: TypeAlias = Callable[[int, int, Vector, int, int, float, float], Span]
OriginOf: TypeAlias = Callable[[Vector, int], Origin]

_ANYTHING: Final[Span] = (-inf, nan)  # not even certain to be a number
_NO_NUMBER: Final[Span] = (nan, nan)
_SLACK: Final = 1e-15  # above the rounding of two subtractions, two divisions and one more operation


def outcome_of(tree: Comparison, values: Mapping[str, Enclosure], ages: Mapping[str, OriginOf]) -> Outcome:
    """Compile a comparison to its certain truth over a span.

    Args:
        tree: The comparison.
        values: For each name that stands still between events, its enclosure.
        ages: For each name that is an age, how to find its origin.

    Returns:
        A function of (first instant, last instant, vector, since, cycle, risk, chance).
    """
    tree = _age_against_age(tree, values, ages)
    left, right = _enclosure(tree.left, values, ages), _enclosure(tree.right, values, ages)
    judge = _JUDGES[tree.sign]

    def outcome(
        low: int, high: int, v: Vector, since: int, cycle: int, risk: float, chance: float
    ) -> bool | None:
        a, b = left(low, high, v, since, cycle, risk, chance)
        c, d = right(low, high, v, since, cycle, risk, chance)
        if isnan(a) or isnan(c):
            return False
        return None if isnan(b) or isnan(d) else judge(a, b, c, d)

    return outcome


def _age_against_age(
    tree: Comparison, values: Mapping[str, Enclosure], ages: Mapping[str, OriginOf]
) -> Comparison:
    """``one < other + rest`` as ``one - other < rest``: apart, both ages would seem to move freely."""
    match tree:
        case Comparison(sign, Name(one), Arithmetic("+" | "-" as joined, Name(other), rest)) if (
            one in ages and other in ages and all(name.name in values for name in names(rest))
        ):
            difference = Arithmetic("-", Name(one), Name(other))
            return Comparison(sign, difference, rest if joined == "+" else Negative(rest))
    return tree


def age_enclosure(origin: OriginOf) -> Enclosure:
    """An age grows with the span; never happened is infinite all along."""

    def enclose(low: int, high: int, v: Vector, since: int, *_: float) -> Span:
        start = origin(v, since)
        return (low - start) / DAY, (high - start) / DAY

    return enclose


def _less(a: float, b: float, c: float, d: float) -> bool | None:
    return True if b < c else False if a >= d else None


def _at_most(a: float, b: float, c: float, d: float) -> bool | None:
    return True if b <= c else False if a > d else None


def _equal(a: float, b: float, c: float, d: float) -> bool | None:
    return True if a == b == c == d else False if b < c or a > d else None


def _different(a: float, b: float, c: float, d: float) -> bool | None:
    equal = _equal(a, b, c, d)
    return None if equal is None else not equal


_JUDGES: Final[dict[str, Callable[[float, float, float, float], bool | None]]] = {
    "<": _less,
    "<=": _at_most,
    ">": lambda a, b, c, d: _less(c, d, a, b),
    ">=": lambda a, b, c, d: _at_most(c, d, a, b),
    "==": _equal,
    "!=": _different,
}


def _enclosure(tree: Value, values: Mapping[str, Enclosure], ages: Mapping[str, OriginOf]) -> Enclosure:
    match tree:
        case Number(text):
            span = (float(text), float(text))
            return lambda *_: span
        case Name(name):
            return age_enclosure(ages[name]) if name in ages else values[name]
        case Negative(operand):
            inner = _enclosure(operand, values, ages)
            return lambda *at: _negative(inner(*at))
        case Arithmetic(sign, Name(one), Name(other)) if sign in "-/" and one in ages and other in ages:
            return _two_ages(sign, ages[one], ages[other])
        case Arithmetic(sign, left, right):
            join = _JOINS[sign]
            first, second = _enclosure(left, values, ages), _enclosure(right, values, ages)
            return lambda *at: _joined(join, first(*at), second(*at))


def _negative(span: Span) -> Span:
    return _ANYTHING if isnan(span[1]) and not isnan(span[0]) else (-span[1], -span[0])


def _two_ages(sign: str, one: OriginOf, other: OriginOf) -> Enclosure:
    def enclose(low: int, high: int, v: Vector, since: int, *_: float) -> Span:
        first, second = one(v, since), other(v, since)
        a, b = (low - first) / DAY, (high - first) / DAY
        c, d = (low - second) / DAY, (high - second) / DAY
        if first == second or inf in {a, c}:
            # Both move alike (0 or 1 exactly, or no number), or one is infinite: the ends say it all.
            return _joined(_JOINS[sign], (a, a), (c, c))
        if sign == "-":
            slack = max(b, d) * _SLACK
            difference = (second - first) / DAY
            return difference - slack, difference + slack
        if c <= 0:
            return _ANYTHING
        ratios = (a / c, b / d)
        return min(ratios) * (1 - _SLACK), max(ratios) * (1 + _SLACK)

    return enclose


def _joined(join: Callable[[float, float, float, float], list[float]], left: Span, right: Span) -> Span:
    a, b = left
    c, d = right
    if isnan(a) or isnan(c):
        return _NO_NUMBER
    if isnan(b) or isnan(d):
        return _ANYTHING
    ends = join(a, b, c, d)
    if any(isnan(end) for end in ends):
        return _NO_NUMBER if a == b and c == d else _ANYTHING
    return min(ends), max(ends)


def _quotients(a: float, b: float, c: float, d: float) -> list[float]:
    if c <= 0 <= d:
        return [divide(a, c) if c == d else nan]
    return [a / c, a / d, b / c, b / d]


_JOINS: Final[dict[str, Callable[[float, float, float, float], list[float]]]] = {
    "+": lambda a, b, c, d: [a + c, b + d],
    "-": lambda a, b, c, d: [a - d, b - c],
    "*": lambda a, b, c, d: [a * c, a * d, b * c, b * d],
    "/": _quotients,
}

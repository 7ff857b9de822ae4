"""When can a condition change by time alone? The next instant, to the microsecond, and never one too late.

Truth and its next change travel together in one integer, a *turn*: ``+n`` says "true now, and certainly
until instant n", ``-n`` says "false now, and certainly until n"; `FAR` stands for ever. With that sign the
whole of logic is arithmetic:

* ``not a``   is ``-a``;
* ``a and b`` is ``min(a, b)``: two truths hold until the first one ends; a falsehood holds until the
  false one ends, two of them until the later one ends;
* ``a or b``  is ``max(a, b)``, likewise.

So the next change of a whole lifecycle is one expression over the turns of its comparisons, which this
module computes. `n` is a bound, not a promise of change: whoever needs the change itself looks at n and
goes on from there.
"""

from collections.abc import Callable, Sequence
from math import ceil, floor, isqrt, nan
from typing import Final, TypeAlias

DAY: Final = 86_400_000_000
FAR: Final = 1 << 62
"""The instant that never comes."""

_HORIZON: Final = 31_557_600_000_000_000  # 1000 years: no stage change is planned beyond
_COUNTABLE: Final = 1e9 * DAY  # µs beyond which nothing is told apart
_ROUNDING: Final = 2.0**-50  # four units in the last place
_MOST_SPLITS: Final = 256  # bounds the work on conditions that fit no closed form, a few milliseconds

Origin: TypeAlias = int | float
"""The instant an age counts from; minus infinity when it never happened, so that the age is infinite."""

Vector: TypeAlias = Sequence[float]
Holds: TypeAlias = Callable[[int, Vector, int, int, float, float], bool]
"""Truth at an instant: (t, vector, since, cycle, risk, chance)."""

Outcome: TypeAlias = Callable[[int, int, Vector, int, int, float, float], bool | None]
"""Truth all over a span of instants, both ends included; None if it may differ within."""


def divide(left: float, right: float) -> float:
    """Divide; by zero it is no number, and every comparison with it is false.

    Examples:
        >>> divide(1, 4), divide(1, 0) > 0, divide(1, 0) <= 0
        (0.25, False, False)
    """
    return left / right if right else nan


def differs(left: float, right: float) -> bool:
    """``!=`` under the rule that a comparison with no number is false."""
    return left < right or left > right


def in_micros(days: float) -> float:
    """A number of days in µs: whole where only rounding keeps it from being so.

    "Three times the usual gap" falls on a microsecond where the gaps do, and whoever is as old as that has reached it. The
    mean of the gaps and its multiples are right to a few units in the last place, which is far less than a microsecond.

    Examples:
        >>> in_micros(0.1 * 3) == 3 * DAY // 10, in_micros(1 / 7) == 1 / 7 * DAY, in_micros(float("inf"))
        (True, True, inf)
    """
    micros = days * DAY
    if not -_COUNTABLE < micros < _COUNTABLE:
        return micros
    whole = round(micros)
    return whole if abs(micros - whole) <= abs(micros) * _ROUNDING else micros


def reaches(t: int, origin: Origin, days: float, *, beyond: bool) -> int:
    """Turn of ``age >= days``, or of ``age > days`` if *beyond*.

    Args:
        t: Now.
        origin: The instant the age counts from.
        days: The threshold, a number that stands still; infinite and no number allowed.
        beyond: Whether the threshold itself is not enough.

    Returns:
        The turn. Ages only grow: once true it stays true.

    Examples:
        >>> reaches(0, 0, 1.0, beyond=False), reaches(0, 0, 1.0, beyond=True)
        (-86400000000, -86400000001)
        >>> reaches(DAY, 0, 1.0, beyond=False) == FAR
        True
    """
    age, limit = t - origin, in_micros(days)
    if age > limit or (age >= limit and not beyond):
        return FAR
    if not limit < _COUNTABLE:  # infinite, no number, or beyond all time
        return -FAR
    # The origin is finite: an age that is not above a finite threshold is.
    return -(int(origin) + (floor(limit) + 1 if beyond else ceil(limit)))


def stays_below(t: int, origin: Origin, days: float, *, within: bool) -> int:
    """Turn of ``age < days``, or of ``age <= days`` if *within*.

    Examples:
        >>> stays_below(0, 0, 1.0, within=False), stays_below(0, 0, float("nan"), within=True) == -FAR
        (86400000000, True)
    """
    if days != days:  # noqa: PLR0124 - the test for "no number", cheaper than a call
        return -FAR
    return -reaches(t, origin, days, beyond=within)


def meets(t: int, origin: Origin, micros: int) -> int:
    """Turn of ``age == threshold``: true for a single microsecond.

    Examples:
        >>> meets(5, 0, 7), meets(7, 0, 7), meets(8, 0, 7) == -FAR
        (-7, 8, True)
    """
    age = t - origin
    if age == micros:
        return t + 1
    return -(t - int(age) + micros) if age < micros else -FAR


def turns(holds: Holds, t: int, v: Vector, since: int, cycle: int, risk: float, chance: float) -> int:
    """Turn of a comparison that changes at most once, because one age moves one side one way.

    Halves the span between now and the horizon: 55 looks.
    """
    now = holds(t, v, since, cycle, risk, chance)
    low, high = t + 1, t + _HORIZON
    if holds(low, v, since, cycle, risk, chance) is not now:
        return low if now else -low
    if holds(high, v, since, cycle, risk, chance) is now:
        return FAR if now else -FAR
    while high - low > 1:
        middle = (low + high) >> 1
        if holds(middle, v, since, cycle, risk, chance) is now:
            low = middle
        else:
            high = middle
    return high if now else -high


def search(
    holds: Holds, outcome: Outcome, t: int, v: Vector, since: int, cycle: int, risk: float, chance: float
) -> int:
    """Turn of any comparison, for instance between products and ratios of ages.

    Splits the future into spans until *outcome* is certain about each in turn. Nothing between two instants
    is ever assumed: a span counts as unchanged only if interval arithmetic says so. If that takes too much
    work, the first instant that is not certain is returned; looking again from there goes on.

    References:
        Moore, Kearfott, Cloud. "Introduction to Interval Analysis". SIAM 2009, chapter 8 (branch and bound).
    """
    now = holds(t, v, since, cycle, risk, chance)
    spans = [(t + 1, t + _HORIZON)]
    splits = 0
    while spans:
        low, high = spans.pop()
        verdict = (
            holds(low, v, since, cycle, risk, chance)
            if low == high
            else outcome(low, high, v, since, cycle, risk, chance)
        )
        if verdict is now:
            continue
        splits += 1
        if verdict is not None or splits > _MOST_SPLITS:
            return low if now else -low
        middle = _between(low - t, high - t) + t
        spans += [(middle + 1, high), (low, middle)]
    return FAR if now else -FAR


def _between(near: int, far: int) -> int:
    """Split by magnitude first: a change in an hour is found as fast as one in a century."""
    return isqrt(near * far) if far > 4 * near else (near + far) >> 1

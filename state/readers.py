"""How are features read fast? A list of them is written out, once, as one straight function without loops.

A call for each feature would cost more than the read, and so would looking up the same series for each of its
windows. Only this module's own words, ids and numbers reach the source; names of features do not.
"""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from math import inf
from typing import Any, Final

from state.amounts import MICRO
from state.catalogue import DECAY_REACH
from state.instants import DAY, FAR
from state.measure_ids import AMOUNTS
from state.order_features import ORDER_READERS
from state.profile import Profile
from state.windows import width_of

Wanted = Sequence[tuple[str, int, int]]
"""Form, measure and span (µs) of each feature, see `state.plan.profile_spec`."""

_HEAD: Final = [
    "counts, first, last = profile.counts, profile.first, profile.last",
    "days, hours = profile.days.get, profile.hours.get",
    "today = at // DAY",
]


def look_reader(
    wanted: Wanted, looked_at: Sequence[bool]
) -> Callable[[Profile, int], tuple[list[float], int]]:
    """A function that gives the features of a profile at an instant, with ages as their origins, and their expiry.

    The expiry is the first instant (µs) after that at which a step value can change without an event. A feature that is
    not looked at is 0 and never expires.
    """
    writer = _Writer("({0}[{1}] or -inf)", expires=True)
    seen = [each if is_read else None for each, is_read in zip(wanted, looked_at, strict=True)]
    values = ["0" if each is None else writer.value(*each) for each in seen]
    decayed = [(m, span) for form, m, span in filter(None, seen) if form == "decayed"]
    for measure, span in dict.fromkeys(decayed):
        reach = span // DAY * DECAY_REACH
        writer.lines.append(
            f"soonest = min(soonest, next_decay({writer.series(measure, DAY)}, today, {reach}))"
        )
    return writer.define(f"return [{', '.join(values)}], soonest")


def values_reader(wanted: Wanted) -> Callable[[Profile, int], list[float]]:
    """A function that gives the features of a profile at an instant, with ages in days."""
    writer = _Writer("((at - {0}[{1}]) / DAY if {0}[{1}] else inf)")
    values = [writer.value(*each) for each in wanted]
    return writer.define(f"return [{', '.join(values)}]")


class _Writer:
    """The source of one function: what its features have in common is worked out once, in lines before them.

    Args:
        age: Expression of a feature that is an instant, of the kind of instant and the measure.
        expires: Whether the lines find out when the first bucket leaves a window.
    """

    def __init__(self, age: str, *, expires: bool = False) -> None:
        self.lines = ["soonest = FAR"] if expires else []
        self._age = age
        self._expires = expires
        self._lookups: dict[str, str] = {}
        self._totals: set[str] = set()
        self._decays: dict[int, dict[int, str]] = {}
        self._parts: dict[str, Any] = {
            "DAY": DAY,
            "FAR": FAR,
            "inf": inf,
            "bisect_right": bisect_right,
            "next_decay": _next_decay,
            "trend": _trend,
        }

    def series(self, measure: int, width: int) -> str:
        """The local that holds the series of a measure in buckets of *width* µs; falsy if there is none."""
        kept = "days" if width == DAY else "hours"
        name = f"{kept}_{measure}"
        self._lookups[name] = f"{kept}({measure})"
        return name

    def value(self, form: str, measure: int, span: int) -> str:
        """The expression of one feature."""
        if form in ("first", "last"):
            return self._age.format(form, measure)
        if form in ORDER_READERS:
            self._parts[form] = ORDER_READERS[form]
            return f"{form}(profile, at)"
        if form == "trend":
            width = width_of(span)
            return f"trend({self._total(measure, span // 2, width)}, {self._total(measure, span, width)})"
        if form == "decayed":
            text = self._decayed(measure, span // DAY)
        else:
            text = f"counts[{measure}]" if form == "lifetime" else self._total(measure, span, width_of(span))
        return f"{text} / {MICRO}" if measure in AMOUNTS else text

    def _total(self, measure: int, span: int, width: int) -> str:
        """The local that holds what lies in a window of *span* µs, as `state.windows.total` counts it."""
        series, gone, total = (
            self.series(measure, width),
            f"gone_{span}_{width}",
            f"total_{measure}_{span}_{width}",
        )
        if total in self._totals:
            return total
        self._totals.add(total)
        self._lookups[gone] = f"(at - {span}) // {width}"
        self.lines += [
            f"if not {series} or {series}[-2] <= {gone}: {total} = 0",
            f"elif (bucket := {series}[0]) > {gone}:",
            f" {total} = sum({series}[1::2])",
            *self._leaving(width, span),
            "else:",
            f" place = 2 * bisect_right({series}[::2], {gone})",
            f" {total}, bucket = sum({series}[place + 1::2]), {series}[place]",
            *self._leaving(width, span),
        ]
        return total

    def _leaving(self, width: int, span: int) -> list[str]:
        """Note when the oldest bucket within the window leaves it."""
        if not self._expires:
            return []
        return [f" leaves = bucket * {width} + {span}", " if leaves < soonest: soonest = leaves"]

    def _decayed(self, measure: int, days: int) -> str:
        """The local that holds the sum of a series, each day weighed by its age, see `define`."""
        return self._decays.setdefault(measure, {}).setdefault(days, f"decayed_{measure}_{days}")

    def _weighing(self, measure: int, decays: dict[int, str]) -> list[str]:
        """Weigh a series by all its half-lives in one go: days beyond the reach of a shorter one weigh nothing."""
        series, reach = self.series(measure, DAY), max(decays) * DECAY_REACH
        lines = [
            f"{' = '.join(decays.values())} = 0.0",
            f"if {series}:",
            f" for place in range(len({series}) - 2, -1, -2):",
            f"  age = today - {series}[place]",
            f"  if age >= {reach}: break",
            "  if age < 0: age = 0",
            f"  count = {series}[place + 1]",
        ]
        for days, name in decays.items():
            self._parts[f"weights_{days}_{reach}"] = [
                0.5 ** (age / days) if age < days * DECAY_REACH else 0.0 for age in range(reach)
            ]
            lines.append(f"  {name} += count * weights_{days}_{reach}[age]")
        return lines

    def define(self, end: str) -> Callable[[Profile, int], Any]:
        """Compile the function, which ends with the line *end*."""
        weighing = [
            line for measure, decays in self._decays.items() for line in self._weighing(measure, decays)
        ]
        lookups = [f"{name} = {source}" for name, source in self._lookups.items()]
        source = "\n ".join(["def read(profile, at):", *_HEAD, *lookups, *self.lines, *weighing, end])
        exec(source, self._parts)  # noqa: S102 - nothing from outside reaches the source, see above
        read: Callable[[Profile, int], Any] = self._parts["read"]
        return read


def _trend(later: int, whole: int) -> float:
    """The later half of a window against the earlier: 1 without any, infinite after nothing."""
    earlier = whole - later
    if earlier:
        return later / earlier
    return inf if later else 1.0


def _next_decay(series: list[int] | None, today: int, reach: int) -> int:
    """The next midnight at which a decayed value falls."""
    if not series or today - series[-2] >= reach:
        return FAR
    # A day's weight first falls one day after its end, and then at every midnight until it is forgotten.
    oldest = next(day for day in series[::2] if today - day < reach)
    return (max(today, oldest) + 1) * DAY

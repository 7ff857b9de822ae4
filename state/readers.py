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


def vector_reader(wanted: Wanted) -> Callable[[Profile, int], list[float]]:
    """A function that gives the features of a profile at an instant, with ages as their origins."""
    return _reader(wanted, "({0}[{1}] or -inf)")


def values_reader(wanted: Wanted) -> Callable[[Profile, int], list[float]]:
    """A function that gives the features of a profile at an instant, with ages in days."""
    return _reader(wanted, "((at - {0}[{1}]) / DAY if {0}[{1}] else inf)")


def expiry_reader(wanted: Wanted) -> Callable[[Profile, int], int]:
    """A function that gives the first instant (µs) after *at* at which a step value can change without an event."""
    writer, body = _Writer(), ["soonest = FAR"]
    for measure, span, width in dict.fromkeys(_windows(wanted)):
        series, gone = writer.series(measure, width), writer.gone(span, width)
        body += [
            f"if {series} and {series}[-2] > {gone}:",
            f" bucket = {series}[0]",
            f" if bucket <= {gone}: bucket = {series}[2 * bisect_right({series}[::2], {gone})]",
            f" leaves = bucket * {width} + {span}",
            " if leaves < soonest: soonest = leaves",
        ]
    for measure, span in dict.fromkeys((m, s) for form, m, s in wanted if form == "decayed"):
        reach = span // DAY * DECAY_REACH
        body.append(f"soonest = min(soonest, next_decay({writer.series(measure, DAY)}, today, {reach}))")
    return writer.define([*body, "return soonest"])


def _reader(wanted: Wanted, age: str) -> Callable[[Profile, int], list[float]]:
    writer = _Writer()
    values = [writer.value(form, measure, span, age) for form, measure, span in wanted]
    return writer.define([f"return [{', '.join(values)}]"])


def _windows(wanted: Wanted) -> list[tuple[int, int, int]]:
    """Measure, span and bucket width of every window that is looked at; half of a trend has the buckets of the whole."""
    halves = [(m, s // 2, width_of(s)) for form, m, s in wanted if form == "trend"]
    return [(m, s, width_of(s)) for form, m, s in wanted if form in ("window", "trend")] + halves


class _Writer:
    """The source of one function, with what its lines have in common looked up first."""

    def __init__(self) -> None:
        self._lines: dict[str, str] = {}
        self._parts: dict[str, Any] = {
            "DAY": DAY,
            "FAR": FAR,
            "inf": inf,
            "bisect_right": bisect_right,
            "decayed": _decayed,
            "next_decay": _next_decay,
            "trend": _trend,
        }

    def series(self, measure: int, width: int) -> str:
        """The local that holds the series of a measure in buckets of *width* µs; falsy if there is none."""
        kept = "days" if width == DAY else "hours"
        name = f"{kept}_{measure}"
        self._lines[name] = f"{kept}({measure})"
        return name

    def gone(self, span: int, width: int) -> str:
        """The local that holds the newest bucket of *width* µs that has left a window of *span* µs."""
        name = f"gone_{span}_{width}"
        self._lines[name] = f"(at - {span}) // {width}"
        return name

    def value(self, form: str, measure: int, span: int, age: str) -> str:
        """The expression of one feature."""
        if form in ("first", "last"):
            return age.format(form, measure)
        if form in ORDER_READERS:
            self._parts[form] = ORDER_READERS[form]
            return f"{form}(profile, at)"
        if form == "trend":
            width = width_of(span)
            later, whole = self._total(measure, span // 2, width), self._total(measure, span, width)
            return f"trend({later}, {whole})"
        if form == "decayed":
            text = self._decayed(measure, span // DAY)
        else:
            text = f"counts[{measure}]" if form == "lifetime" else self._total(measure, span, width_of(span))
        return f"{text} / {MICRO}" if measure in AMOUNTS else text

    def _total(self, measure: int, span: int, width: int) -> str:
        """What lies in a window of *span* µs, as `state.windows.total` counts it."""
        series, gone = self.series(measure, width), self.gone(span, width)
        place = f"2 * bisect_right({series}[::2], {gone}) + 1"
        return (
            f"(0 if not {series} or {series}[-2] <= {gone} else sum({series}[1::2]) if {series}[0] > {gone} "
            f"else sum({series}[{place}::2]))"
        )

    def _decayed(self, measure: int, days: int) -> str:
        weights = f"weights_{days}"
        self._parts[weights] = [0.5 ** (age / days) for age in range(days * DECAY_REACH)]
        series = self.series(measure, DAY)
        return f"(decayed({series}, today, {weights}) if {series} else 0.0)"

    def define(self, body: list[str]) -> Callable[[Profile, int], Any]:
        """Compile the function."""
        lookups = [f"{name} = {source}" for name, source in self._lines.items()]
        source = "\n ".join(["def read(profile, at):", *_HEAD, *lookups, *body])
        exec(source, self._parts)  # noqa: S102 - nothing from outside reaches the source, see above
        read: Callable[[Profile, int], Any] = self._parts["read"]
        return read


def _trend(later: int, whole: int) -> float:
    """The later half of a window against the earlier: 1 without any, infinite after nothing."""
    earlier = whole - later
    if earlier:
        return later / earlier
    return inf if later else 1.0


def _decayed(series: list[int], today: int, weights: list[float]) -> float:
    """The series, each day weighed by its age."""
    value, reach = 0.0, len(weights)
    for place in range(len(series) - 2, -1, -2):
        age = today - series[place]
        if age >= reach:
            break
        value += series[place + 1] * weights[age if age > 0 else 0]  # noqa: FURB136 - a call to max costs more than the rest
    return value


def _next_decay(series: list[int] | None, today: int, reach: int) -> int:
    """The next midnight at which a decayed value falls."""
    if not series or today - series[-2] >= reach:
        return FAR
    # A day's weight first falls one day after its end, and then at every midnight until it is forgotten.
    oldest = next(day for day in series[::2] if today - day < reach)
    return (max(today, oldest) + 1) * DAY

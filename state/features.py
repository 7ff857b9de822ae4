"""What do the numbers say at an instant: from a profile to the named features that rules and models read.

A plan looks its names up once; reading then costs a fraction of a microsecond per feature. Event time is
passed
in: the same profile read at two instants gives the two answers that time alone explains.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable
from math import inf
from typing import Final

from state.amounts import MICRO
from state.catalogue import DECAY_REACH
from state.instants import DAY, FAR
from state.measure_ids import AMOUNTS
from state.order_features import ORDER_READERS
from state.plan import profile_spec
from state.profile import Profile
from state.windows import total, width_of

Reader = Callable[[Profile, int], float]


class FeaturePlan:
    """A fixed list of features, ready to be read from any profile.

    The profile must have been folded with a `FoldPlan` built from (at least) the same names, and must hold no
    event later than the instant at which it is read.

    Args:
        names: Names of the catalogue that a profile answers, in the order of the vectors.

    Raises:
        UnknownFeature: For a name outside the catalogue, or one about a standing in a lifecycle.

    Examples:
        >>> FeaturePlan(["orders", "days_since_last_order"]).values(Profile(), at=DAY)
        [0, inf]
    """

    __slots__ = ("_counts", "_decays", "_firsts", "_lasts", "_others", "_totals", "_windows", "names")

    def __init__(self, names: Iterable[str]) -> None:
        self.names = tuple(names)
        # Most names are of four forms, which are read in plain loops: a call for each would cost more than
        # the read.
        self._totals: list[tuple[int, int]] = []
        self._firsts: list[tuple[int, int]] = []
        self._lasts: list[tuple[int, int]] = []
        self._counts: list[tuple[int, int, int, int]] = []
        self._others: list[tuple[int, Reader]] = []
        self._windows: dict[tuple[int, int, int], None] = {}
        self._decays: list[tuple[int, int]] = []
        for slot, name in enumerate(self.names):
            self._place(slot, *profile_spec(name))

    def _place(self, slot: int, form: str, measure: int, span: int) -> None:
        plain = {"lifetime": self._totals, "first": self._firsts, "last": self._lasts}
        if form in plain and not (form == "lifetime" and measure in AMOUNTS):
            plain[form].append((slot, measure))
        elif form == "window" and measure not in AMOUNTS:
            self._counts.append((slot, measure, span, width_of(span)))
        else:
            read = ORDER_READERS[form] if form in ORDER_READERS else _READERS[form](measure, span)
            self._others.append((slot, read))
        if form in ("window", "trend"):
            for part in {"window": (span,), "trend": (span // 2, span)}[form]:
                self._windows[measure, part, width_of(span)] = None
        elif form == "decayed":
            self._decays.append((measure, span // DAY * DECAY_REACH))

    def vector(self, profile: Profile, at: int) -> list[float]:
        """The features at the instant *at* (µs), in which an age (``days_since_…``) is given by its origin.

        An origin is the instant (µs) from which the age counts, or minus infinity if there is none; the age
        at any later instant *t* is ``(t - origin) / DAY``. So one vector serves a rule at every instant until
        `expiry`.
        """
        vector: list[float] = [0.0] * len(self.names)
        counts, first, last = profile.counts, profile.first, profile.last
        for slot, measure in self._totals:
            vector[slot] = counts[measure]
        for slot, measure in self._lasts:
            vector[slot] = last[measure] or -inf
        for slot, measure in self._firsts:
            vector[slot] = first[measure] or -inf
        for slot, measure, span, width in self._counts:
            series = (profile.days if width == DAY else profile.hours).get(measure)
            if series:
                vector[slot] = total(series, span, width, at)
        for slot, read in self._others:
            vector[slot] = read(profile, at)
        return vector

    def values(self, profile: Profile, at: int) -> list[float]:
        """The features at the instant *at* (µs) as plain numbers: ages in days, infinite if never."""
        values = self.vector(profile, at)
        for ages in (self._firsts, self._lasts):
            for slot, _ in ages:
                values[slot] = (at - values[slot]) / DAY
        return values

    def expiry(self, profile: Profile, at: int) -> int:
        """The first instant (µs) after *at* at which a step value can change without an event; FAR if none.

        Never late: up to that instant `vector` gives what it gives at *at*.
        """
        soonest = FAR
        days, hours = profile.days, profile.hours
        for measure, span, width in self._windows:
            series = (days if width == DAY else hours).get(measure)
            gone = (at - span) // width
            if series and series[-2] > gone:
                bucket = series[0]
                if bucket <= gone:
                    bucket = series[2 * bisect_right(series[::2], gone)]
                soonest = min(soonest, bucket * width + span)
        for measure, reach in self._decays:
            soonest = min(soonest, _next_decay(profile, measure, reach, at))
        return soonest


def _next_decay(profile: Profile, measure: int, reach: int, at: int) -> int:
    """The next midnight at which a decayed value falls."""
    series = profile.days.get(measure)
    today = at // DAY
    if not series or today - series[-2] >= reach:
        return FAR
    # A day's weight first falls one day after its end, and then at every midnight until it is forgotten.
    oldest = next(day for day in series[::2] if today - day < reach)
    return (max(today, oldest) + 1) * DAY


def _lifetime_amount(measure: int, _: int) -> Reader:
    return lambda profile, _at: profile.counts[measure] / MICRO


def _window_amount(measure: int, span: int) -> Reader:
    width = width_of(span)
    daily = width == DAY

    def read(profile: Profile, at: int) -> float:
        series = (profile.days if daily else profile.hours).get(measure)
        return total(series, span, width, at) / MICRO if series else 0.0

    return read


def _decayed(measure: int, half_life: int) -> Reader:
    days = half_life // DAY
    reach = days * DECAY_REACH
    weights = [0.5 ** (age / days) for age in range(reach)]

    def read(profile: Profile, at: int) -> float:
        series = profile.days.get(measure, ())
        today = at // DAY
        value = 0.0
        for place in range(len(series) - 2, -1, -2):
            age = today - series[place]
            if age >= reach:
                break
            value += series[place + 1] * weights[max(age, 0)]
        return value

    return _in_units(read) if measure in AMOUNTS else read


def _trend(measure: int, span: int) -> Reader:
    width, half = width_of(span), span // 2
    daily = width == DAY

    def read(profile: Profile, at: int) -> float:
        series = (profile.days if daily else profile.hours).get(measure)
        later = total(series, half, width, at) if series else 0
        earlier = total(series, span, width, at) - later if series else 0
        if earlier:
            return later / earlier
        return inf if later else 1.0

    return read


def _in_units(read: Reader) -> Reader:
    return lambda profile, at: read(profile, at) / MICRO


_READERS: Final[dict[str, Callable[[int, int], Reader]]] = {
    "lifetime": _lifetime_amount,
    "window": _window_amount,
    "decayed": _decayed,
    "trend": _trend,
}

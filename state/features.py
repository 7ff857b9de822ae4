"""What do the numbers say at an instant: from a profile to the named features that rules and models read.

A plan looks its names up once; reading then costs a fraction of a microsecond per feature. Event time is passed in:
the same profile read at two instants gives the two answers that time alone explains.
"""

from collections.abc import Callable, Iterable
from math import inf, sqrt
from typing import TYPE_CHECKING, Final

from state.amounts import MICRO
from state.catalogue import DECAY_REACH
from state.instants import DAY, FAR
from state.measures import AMOUNTS, ORDERS, REVENUE
from state.plan import profile_spec
from state.windows import expiry, total, width_of

if TYPE_CHECKING:
    from state.profile import Profile

Reader = Callable[["Profile", int], float]
Expiry = Callable[["Profile", int], int]


class FeaturePlan:
    """A fixed list of features, ready to be read from any profile.

    The profile must have been folded with a `FoldPlan` built from (at least) the same names, and must hold no event
    later than the instant at which it is read.

    Args:
        names: Names of the catalogue that a profile answers, in the order of the vectors.

    Raises:
        UnknownFeature: For a name outside the catalogue, or one about a standing in a lifecycle.

    Examples:
        >>> from state.profile import Profile
        >>> FeaturePlan(["orders", "days_since_last_order"]).values(Profile(), at=DAY)
        [0, inf]
    """

    __slots__ = ("_ages", "_expiries", "_readers", "names")

    def __init__(self, names: Iterable[str]) -> None:
        self.names = tuple(names)
        self._readers: list[Reader] = []
        self._expiries: list[Expiry] = []
        ages: list[int] = []
        seen: set[tuple[str, int, int]] = set()
        for slot, name in enumerate(self.names):
            form, measure, span = profile_spec(name)
            self._readers.append(_READERS[form](measure, span))
            if form in ("first", "last"):
                ages.append(slot)
            if form in _EXPIRIES and (form, measure, span) not in seen:
                seen.add((form, measure, span))
                self._expiries.append(_EXPIRIES[form](measure, span))
        self._ages = tuple(ages)

    def vector(self, profile: "Profile", at: int) -> list[float]:
        """The features at the instant *at* (µs), in which an age (``days_since_…``) is given by its origin.

        An origin is the instant (µs) from which the age counts, or minus infinity if there is none; the age at any
        later instant *t* is ``(t - origin) / DAY``. So a rule can be evaluated at every instant from one vector.
        """
        return [read(profile, at) for read in self._readers]

    def values(self, profile: "Profile", at: int) -> list[float]:
        """The features at the instant *at* (µs) as plain numbers: ages in days, infinite if there was no such event."""
        values = [read(profile, at) for read in self._readers]
        for slot in self._ages:
            values[slot] = (at - values[slot]) / DAY
        return values

    def expiry(self, profile: "Profile", at: int) -> int:
        """The first instant (µs) after *at* at which a windowed value can change with no further event; FAR if none.

        Never late: up to that instant `vector` gives what it gives at *at*.
        """
        soonest = FAR
        for expire in self._expiries:
            instant = expire(profile, at)
            soonest = min(soonest, instant)
        return soonest


def _lifetime(measure: int, _: int) -> Reader:
    if measure in AMOUNTS:
        return lambda profile, at: profile.counts[measure] / MICRO
    return lambda profile, at: profile.counts[measure]


def _first(measure: int, _: int) -> Reader:
    return lambda profile, at: profile.first[measure] or -inf


def _last(measure: int, _: int) -> Reader:
    return lambda profile, at: profile.last[measure] or -inf


def _series(profile: "Profile", measure: int, width: int) -> list[int]:
    kept = profile.days if width == DAY else profile.hours
    return kept.get(measure) or _EMPTY


_EMPTY: Final[list[int]] = []


def _window(measure: int, span: int) -> Reader:
    width = width_of(span)
    days = width == DAY
    unit = MICRO if measure in AMOUNTS else 0

    def read(profile: "Profile", at: int) -> float:
        series = (profile.days if days else profile.hours).get(measure)
        if not series:
            return 0
        value = total(series, span, width, at)
        return value / unit if unit else value

    return read


def _window_expiry(measure: int, span: int) -> Expiry:
    width = width_of(span)
    return lambda profile, at: expiry(_series(profile, measure, width), span, width, at, FAR)


def _decayed(measure: int, half_life: int) -> Reader:
    days = half_life // DAY
    reach = days * DECAY_REACH
    weights = [0.5 ** (age / days) for age in range(reach + 1)]
    unit = MICRO if measure in AMOUNTS else 1

    def read(profile: "Profile", at: int) -> float:
        series = profile.days.get(measure)
        if not series:
            return 0.0
        today = at // DAY
        value = 0.0
        for place in range(len(series) - 2, -1, -2):
            age = today - series[place]
            if age >= reach:
                break
            value += series[place + 1] * weights[max(age, 0)]
        return value / unit

    return read


def _decayed_expiry(measure: int, half_life: int) -> Expiry:
    reach = half_life // DAY * DECAY_REACH

    def expire(profile: "Profile", at: int) -> int:
        series = profile.days.get(measure)
        today = at // DAY
        if not series or today - series[-2] >= reach:
            return FAR
        # The newest day's weight first falls one day after its end; older days fall at every midnight.
        ripe = next(day for day in series[::2] if today - day < reach)
        return max(today, ripe) * DAY + DAY

    return expire


def _trend(measure: int, span: int) -> Reader:
    width, half = width_of(span), span // 2

    def read(profile: "Profile", at: int) -> float:
        series = _series(profile, measure, width)
        later = total(series, half, width, at)
        earlier = total(series, span, width, at) - later
        if earlier:
            return later / earlier
        return inf if later else 1.0

    return read


def _trend_expiry(measure: int, span: int) -> Expiry:
    width, half = width_of(span), span // 2

    def expire(profile: "Profile", at: int) -> int:
        series = _series(profile, measure, width)
        return min(expiry(series, half, width, at, FAR), expiry(series, span, width, at, FAR))

    return expire


def _average(_: int, __: int) -> Reader:
    def read(profile: "Profile", _at: int) -> float:
        orders = profile.counts[ORDERS]
        return profile.counts[REVENUE] / orders / MICRO if orders else 0.0

    return read


def _gap_mean(_: int, __: int) -> Reader:
    def read(profile: "Profile", _at: int) -> float:
        orders = profile.counts[ORDERS]
        return (profile.last[ORDERS] - profile.first[ORDERS]) / (orders - 1) / DAY if orders > 1 else inf

    return read


def _gap_deviation(_: int, __: int) -> Reader:
    def read(profile: "Profile", _at: int) -> float:
        instants = profile.orders[::2]
        if len(instants) < 3:
            return 0.0
        gaps = [later - earlier for earlier, later in zip(instants, instants[1:], strict=False)]
        mean = sum(gaps) / len(gaps)
        return sqrt(sum((gap - mean) ** 2 for gap in gaps) / len(gaps)) / DAY

    return read


def _last_gap(_: int, __: int) -> Reader:
    return lambda profile, at: (profile.orders[-2] - profile.orders[-4]) / DAY if len(profile.orders) > 2 else inf


def _last_value(_: int, __: int) -> Reader:
    return lambda profile, at: profile.orders[-1] / MICRO if profile.orders else 0.0


_READERS: Final[dict[str, Callable[[int, int], Reader]]] = {
    "lifetime": _lifetime,
    "first": _first,
    "last": _last,
    "window": _window,
    "decayed": _decayed,
    "trend": _trend,
    "average": _average,
    "gap_mean": _gap_mean,
    "gap_deviation": _gap_deviation,
    "last_gap": _last_gap,
    "last_value": _last_value,
}
_EXPIRIES: Final[dict[str, Callable[[int, int], Expiry]]] = {
    "window": _window_expiry,
    "decayed": _decayed_expiry,
    "trend": _trend_expiry,
}

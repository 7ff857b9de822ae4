"""What do the numbers say at an instant: from a profile to the named features that rules and models read.

A plan looks its names up once and is compiled; reading then costs a fraction of a microsecond per feature. Event
time is passed in: the same profile read at two instants gives the two answers that time alone explains.
"""

from collections.abc import Collection, Iterable

from state.plan import profile_spec
from state.profile import Profile
from state.readers import look_reader, values_reader


class FeaturePlan:
    """A fixed list of features, ready to be read from any profile.

    The profile must have been folded with a `FoldPlan` built from (at least) the same names, and must hold no
    event later than the instant at which it is read.

    Args:
        names: Names of the catalogue that a profile answers, in the order of the vectors.
        only: Those of them that are looked at; the others are 0 in the vectors of `look`. By default all.

    Attributes:
        measures: Ids of the measures that the features looked at are read from: an event that counts in none of them
            changes none of the values.

    Raises:
        UnknownFeature: For a name outside the catalogue, or one about a standing in a lifecycle.

    Examples:
        >>> FeaturePlan(["orders", "days_since_last_order"]).values(Profile(), at=86_400_000_000)
        [0, inf]
    """

    __slots__ = ("_look", "_values", "_wanted", "measures", "names")

    def __init__(self, names: Iterable[str], only: Collection[str] | None = None) -> None:
        self.names = tuple(names)
        wanted = self._wanted = [profile_spec(name) for name in self.names]
        looked_at = [only is None or name in only for name in self.names]
        self.measures = frozenset(spec[1] for spec, is_read in zip(wanted, looked_at, strict=True) if is_read)
        self._look, self._values = look_reader(wanted, looked_at), values_reader(wanted)

    def reading(self, measures: Collection[int]) -> tuple[int, ...]:
        """Positions of the features that are read from any of these measures (ids).

        Examples:
            >>> FeaturePlan(["orders", "sessions_30d", "days_since_last_order"]).reading({6})
            (0, 2)
        """
        return tuple(place for place, (_, measure, _) in enumerate(self._wanted) if measure in measures)

    def look(self, profile: Profile, at: int) -> tuple[list[float], int]:
        """The vector of the features at the instant *at* (µs), and its expiry.

        In the vector an age (``days_since_…``) is given by its origin: the instant (µs) from which it counts, or minus
        infinity if there is none; the age at any later instant *t* is ``(t - origin) / DAY``. So one vector serves a
        rule at every instant before the expiry: the first instant (µs) after *at* at which a step value can change
        without an event; FAR if none. It is never late.
        """
        return self._look(profile, at)

    def values(self, profile: Profile, at: int) -> list[float]:
        """The features at the instant *at* (µs) as plain numbers: ages in days, infinite if never."""
        return self._values(profile, at)

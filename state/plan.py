"""What must a profile keep: exactly the windows that rules and models ask for, and nothing else."""

from collections.abc import Iterable, Mapping
from typing import Final

from state.catalogue import DECAY_REACH, resolve
from state.instants import DAY, HOUR, MINUTE
from state.measure_ids import MEASURES, ORDERS, SESSIONS
from state.measures import Kind
from state.windows import buckets_kept, width_of

SESSION_GAP: Final = 30 * MINUTE
"""A pause longer than this ends a session."""

DEDUP: Final = 128
"""How many messages a profile remembers by default, of visits and of everything else each."""


class UnknownFeature(ValueError):  # noqa: N818 - it names what is unknown; raised for configuration, never for events
    """A feature name outside the catalogue, or one that a profile cannot answer; the message says which."""


def profile_spec(name: str) -> tuple[str, int, int]:
    """Form, measure and span of a feature that a profile can answer.

    Raises:
        UnknownFeature: If the catalogue does not hold *name*, or it is about a standing in a lifecycle.
    """
    spec = resolve(name)
    if spec is None:
        raise UnknownFeature(f"no feature is called {name!r}; `lifecycle check --features` lists them")
    if spec.form == "context":
        raise UnknownFeature(
            f"{name!r} is known to the rules of a lifecycle only; a profile cannot answer it"
        )
    return spec.form, spec.measure, spec.span


Windows = tuple[tuple[int, int], ...]
"""Pairs of a measure's id and the buckets kept of its series."""


class KindFold:
    """What an event of one kind does, with the plan's windows looked up once.

    Attributes:
        counted: Ids of the measures that get +1.
        hourly: Those of them with an hourly series, and how many buckets of it are kept.
        daily: The same for daily series, but for that of orders: the order itself adds to it, and learns from
            it whether the day is a new one.
    """

    __slots__ = ("counted", "daily", "hourly")

    def __init__(self, kind: Kind, hours: Mapping[int, int], days: Mapping[int, int]) -> None:
        self.counted = kind.counts
        self.hourly: Windows = tuple((m, hours[m]) for m in kind.counts if m in hours)
        self.daily: Windows = tuple((m, days[m]) for m in kind.counts if m in days and m != ORDERS)


class FoldPlan:
    """The windows to keep for a set of feature names, and how late and how doubled events may come.

    Lifetime totals, first and last instants, sessions and the latest orders are always kept: they are small,
    and a lifecycle file that asks for them tomorrow finds them. Windows are kept for the names given only.

    Attributes:
        hours: Hourly buckets kept, by measure id.
        days: Daily buckets kept, by measure id.
        lateness: How far behind the newest event (µs of event time) an event may come and still fold exactly.
        dedup: How many messages are remembered, of visits and of everything else each.
        gap: Longest pause (µs) inside a session.
        session_hours: Hourly buckets kept of sessions.
        session_days: Daily buckets kept of sessions.
        folds: Filled as kinds are met: what each does under this plan.

    Examples:
        >>> plan = FoldPlan.build(["orders_30d", "email_opens_7d", "days_since_last_order"], lateness=DAY)
        >>> plan.windows()
        {'email_opens per hour': 193, 'orders per day': 32}
    """

    __slots__ = ("days", "dedup", "folds", "gap", "hours", "lateness", "session_days", "session_hours")

    def __init__(self, hours: dict[int, int], days: dict[int, int], lateness: int, dedup: int) -> None:
        self.hours = hours
        self.days = days
        self.lateness = lateness
        self.dedup = dedup
        self.gap = SESSION_GAP
        self.session_hours = hours.get(SESSIONS, 0)
        self.session_days = days.get(SESSIONS, 0)
        self.folds: dict[Kind, KindFold] = {}

    @classmethod
    def build(cls, names: Iterable[str], lateness: int = 0, dedup: int = DEDUP) -> "FoldPlan":
        """The plan that keeps what *names* ask for; names about a standing in a lifecycle ask for nothing.

        Args:
            names: Feature names of all rules and models that read the profiles.
            lateness: Allowed lateness in µs of event time.
            dedup: Messages to remember; 0 remembers none.

        Raises:
            UnknownFeature: If a name is not in the catalogue.
        """
        kept: dict[int, dict[int, int]] = {HOUR: {}, DAY: {}}
        # Days with orders are told apart by their daily buckets, so a few of those are kept in any case.
        kept[DAY][ORDERS] = buckets_kept(DAY, lateness, DAY)
        for name in names:
            spec = resolve(name)
            if spec is None or spec.form == "context":
                if spec is None:
                    profile_spec(name)
                continue
            if spec.span:
                width = DAY if spec.form == "decayed" else width_of(spec.span)
                span = spec.span * (DECAY_REACH if spec.form == "decayed" else 1)
                needed = buckets_kept(span, lateness, width)
                kept[width][spec.measure] = max(needed, kept[width].get(spec.measure, 0))
        return cls(kept[HOUR], kept[DAY], lateness, dedup)

    def fold_of(self, kind: Kind) -> KindFold:
        """What *kind* does under this plan; computed at its first event."""
        fold = self.folds[kind] = KindFold(kind, self.hours, self.days)
        return fold

    def windows(self) -> dict[str, int]:
        """The buckets kept, by measure and width: what stored profiles must have been folded with."""
        named = {f"{MEASURES[m]} per hour": kept for m, kept in self.hours.items()}
        named |= {f"{MEASURES[m]} per day": kept for m, kept in self.days.items()}
        return dict(sorted(named.items()))

    def missing(self, before: Mapping[str, int]) -> list[str]:
        """Windows that profiles folded under *before* (a plan's `windows`) do not hold in full.

        Such profiles answer too low until the window has filled; only a replay from the sources makes them
        exact.

        Examples:
            >>> plan = FoldPlan.build(["orders_180d"])
            >>> plan.missing(FoldPlan.build(["orders_30d"]).windows())
            ['orders per day']
        """
        return [name for name, kept in self.windows().items() if before.get(name, 0) < kept]

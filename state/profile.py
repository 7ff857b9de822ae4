"""What is known about one customer, and how an event changes it: the profile and its fold.

The fold commutes: events within the allowed lateness give the same profile, byte for byte, in any order and
with any duplicates that the dedup window still remembers. Everything in it is therefore a function of the
*set* of events: integer sums, minima, maxima, sorted lists of the newest few, and series that forget relative
to their own newest entry.
"""

from typing import Final

import msgspec

from state.dedup import remember
from state.events import Event
from state.instants import DAY, HOUR
from state.labels import Pending
from state.measure_ids import MEASURES, ORDER_DAYS, ORDERS, SESSIONS
from state.plan import FoldPlan, KindFold, Windows
from state.sessions import close, touch
from state.windows import LARGEST, add, change, forget

RECENT_ORDERS: Final = 16
"""How many of the latest orders a profile keeps with their amounts."""


def _zeros() -> list[int]:
    return [0] * len(MEASURES)


class Standing(msgspec.Struct, array_like=True, gc=False):
    """Where a customer stands in one lifecycle, and what of it has been published.

    Attributes:
        stage: Index of the current stage; -1 before the first evaluation.
        previous: Index of the stage before; -1 if there was none.
        since: Instant (µs) at which the current stage's condition became true.
        cycle: 1 from the first stage on, and one more for each return from a lost stage.
        version: Number of the last published change; only grows.
        risk: Churn risk as last published; -1 if never.
        next_stage: Index of the likeliest next stage as last published; -1 if never.
        next_p: Its probability as last published.
        alerted: Whether an alert about the present crossing of the risk threshold has gone out.
        alerted_at: Instant (µs) of the last alert; 0 if there was none.
    """

    stage: int = -1
    previous: int = -1
    since: int = 0
    cycle: int = 0
    version: int = 0
    risk: float = -1.0
    next_stage: int = -1
    next_p: float = 0.0
    alerted: bool = False
    alerted_at: int = 0


class Link(msgspec.Struct, array_like=True, gc=False):
    """Another id that has to do with this one.

    Attributes:
        id: The other id.
        at: Event time (µs) of the event that said so.
        state: One of `CLAIMED`, `MERGED`, `REFUSED`, `RELEASED`.
        received: Numbers of the notes of the other id that were taken: all up to the first, and the others.
    """

    id: str
    at: int
    state: int
    received: list[int] = msgspec.field(default_factory=lambda: [0])


CLAIMED, MERGED, REFUSED, RELEASED = range(4)
"""A link that waits for the other id's answer; one whose profile has come; one that the other id, or an operator, undid."""


class Identity(msgspec.Struct, array_like=True, gc=False):
    """Which other ids are the same person. Stored by position: new fields go to the end, with a default.

    Attributes:
        moved_to: The customer that this id belongs to; empty for those who stand for themselves.
        sent: Number of the last note to another id.
        links: The ids that this customer was known by, and for an id that was taken out again, by whom.
        kept: What the profile would be without the newest merge: of a merged id its own profile, which goes on
            to be folded; of a customer the profile without the newest of the links. None once that is past.
        kept_until: Event time (µs) until which it is kept.
    """

    moved_to: str = ""
    sent: int = 0
    links: list[Link] = msgspec.field(default_factory=list)
    kept: "Profile | None" = None
    kept_until: int = 0


class Profile(msgspec.Struct, array_like=True, gc=False):
    """One customer's folded state. Stored under the customer's id, which it does not repeat.

    Fields are stored by position: new ones go to the end, with a default. Amounts are micro-units of the base
    currency, instants are µs, 0 for never.

    Attributes:
        offsets: Absorbed Kafka offset by source-topic id: at or below it a record is a duplicate.
        counts: Lifetime total by measure id.
        first: Earliest instant by measure id.
        last: Latest instant by measure id.
        hours: Hourly series by measure id (see `state.windows`), for the windows that the plan keeps.
        days: Daily series by measure id.
        orders: The latest orders, ``[at, amount, at, amount, …]``, sorted.
        sessions: Open sessions (see `state.sessions`).
        seen: The newest messages that were no visits (see `state.dedup`).
        seen_visits: The same for visits, apart, so that a burst of page views does not push out an order.
        standings: One a lifecycle, in configuration order.
        pending: Questions to the models that wait for their answers.
        due: Next instant at which the profile must be looked at again without an event.
        asked_at: When the models were last asked for labels.
        scored_at: When the scores were last computed.
        evaluated_at: Instant of the last evaluation.
        revision: Grows with every stored change.
        outbox: Outputs decided but not known to be delivered: (topic id, offset, kind of output, payload).
        written_under: Identity of the description of lifecycles and windows under which the profile was last stored.
        anonymous: Whether no event has ever named the id as its userId.
        identity: Which other ids are the same person; None for the many of whom nothing is said.
    """

    offsets: dict[int, int] = msgspec.field(default_factory=dict)
    counts: list[int] = msgspec.field(default_factory=_zeros)
    first: list[int] = msgspec.field(default_factory=_zeros)
    last: list[int] = msgspec.field(default_factory=_zeros)
    hours: dict[int, list[int]] = msgspec.field(default_factory=dict)
    days: dict[int, list[int]] = msgspec.field(default_factory=dict)
    orders: list[int] = msgspec.field(default_factory=list)
    sessions: list[int] = msgspec.field(default_factory=list)
    seen: bytes = b""
    seen_visits: bytes = b""
    standings: list[Standing] = msgspec.field(default_factory=list)
    pending: list[Pending] = msgspec.field(default_factory=list)
    due: int = 0
    asked_at: int = 0
    scored_at: int = 0
    evaluated_at: int = 0
    revision: int = 0
    outbox: list[tuple[int, int, int, bytes]] = msgspec.field(default_factory=list)
    written_under: int = 0
    anonymous: bool = False
    identity: Identity | None = None


def apply(profile: Profile, event: Event, plan: FoldPlan) -> bool:
    """Fold *event* into *profile*, in place.

    Within ``plan.lateness`` behind the newest event the order of arrival leaves no trace. A later one still
    counts in the totals, in first and last instants and in every window whose buckets are still kept, but
    opens no session: it cannot be told from one that was counted.

    Returns:
        False if the message was folded before: nothing has changed then.
    """
    kind, at = event.kind, event.at
    if kind.session:
        seen = remember(profile.seen_visits, at, event.message, plan.dedup)
        if seen is None:
            return False
        profile.seen_visits = seen
    else:
        seen = remember(profile.seen, at, event.message, plan.dedup)
        if seen is None:
            return False
        profile.seen = seen
    if event.active:
        fold = plan.folds.get(kind) or plan.fold_of(kind)
        _count(profile, at, fold)
        if kind.session:
            _visit(profile, at, plan)
        if kind.order:
            _order(profile, at, event.amount, plan)
        if event.amount and kind.amount >= 0:
            _sum(profile, at, kind.amount, event.amount, plan)
    return True


def _count(profile: Profile, at: int, fold: KindFold) -> None:
    """Count one event in each measure of its kind: total, first, last, and the windows that are kept."""
    counts, first, last = profile.counts, profile.first, profile.last
    for measure in fold.counted:
        counts[measure] += 1
        before = last[measure]
        if at > before:
            last[measure] = at
            if not before:
                first[measure] = at
        elif at < first[measure]:
            first[measure] = at
    if fold.daily:
        profile.days = _tick(profile.days, fold.daily, -(-at // DAY))
    if fold.hourly:
        profile.hours = _tick(profile.hours, fold.hourly, -(-at // HOUR))


def _tick(by_measure: dict[int, list[int]], windows: Windows, bucket: int) -> dict[int, list[int]]:
    """Count one event in *bucket* of each series; mostly the bucket is the newest."""
    for measure, kept in windows:
        series = by_measure.get(measure)
        if series is None:
            by_measure = _with_series(by_measure, measure, [bucket, 1])
        elif series[-2] == bucket:
            series[-1] += 1
        else:
            add(series, bucket, 1, kept)
    return by_measure


def _sum(profile: Profile, at: int, measure: int, amount: int, plan: FoldPlan) -> None:
    """Add an amount to its total and to the windows that the plan keeps."""
    profile.counts[measure] = min(profile.counts[measure] + amount, LARGEST)
    _add(profile, measure, at, amount, plan)


def _add(profile: Profile, measure: int, at: int, value: int, plan: FoldPlan) -> None:
    """Add *value* to the series of *measure* that the plan keeps."""
    if kept := plan.days.get(measure):
        if measure not in profile.days:
            profile.days = _with_series(profile.days, measure, [])
        add(profile.days[measure], -(-at // DAY), value, kept)
    if kept := plan.hours.get(measure):
        if measure not in profile.hours:
            profile.hours = _with_series(profile.hours, measure, [])
        add(profile.hours[measure], -(-at // HOUR), value, kept)


def _with_series(kept: dict[int, list[int]], measure: int, series: list[int]) -> dict[int, list[int]]:
    """*kept* with a *series* for *measure*, in order of measures: which came first must leave no trace."""
    is_last = not kept or measure > next(reversed(kept))
    kept[measure] = series
    return kept if is_last else dict(sorted(kept.items()))


def _visit(profile: Profile, at: int, plan: FoldPlan) -> None:
    """Work a visit into the sessions; mostly it prolongs the newest, whose end is the latest visit."""
    spans, last = profile.sessions, profile.last
    before = last[SESSIONS]
    if at > before:
        last[SESSIONS] = at
    if spans and spans[-2] <= at <= before + plan.gap:
        if at > before:
            spans[-1] = at
    else:
        _open_or_join(profile, at, plan)
    if at > before:
        if len(spans) > 2:
            close(spans, at - plan.lateness - plan.gap)
        if plan.session_hours or plan.session_days:
            _forget_sessions(profile, at, plan)


def _open_or_join(profile: Profile, at: int, plan: FoldPlan) -> None:
    """Open a session at *at*, or join those that *at* touches, and count them anew."""
    if at < profile.first[SESSIONS] or not profile.first[SESSIONS]:
        profile.first[SESSIONS] = at
    spans = profile.sessions
    touched, start = touch(spans, at, plan.gap)
    if not touched and at + plan.gap < profile.last[SESSIONS] - plan.lateness:
        del spans[:2]  # older than every session that is still open: it may have been counted and closed
    elif touched != [start]:
        profile.counts[SESSIONS] += 1 - len(touched)
        if plan.session_hours:
            profile.hours = _recount(profile, profile.hours, HOUR, plan.session_hours, start, touched)
        if plan.session_days:
            profile.days = _recount(profile, profile.days, DAY, plan.session_days, start, touched)


def _recount(
    profile: Profile, kept: dict[int, list[int]], width: int, limit: int, start: int, gone: list[int]
) -> dict[int, list[int]]:
    """*kept* with one session from *start* counted instead of those from *gone*."""
    if SESSIONS not in kept:
        kept = _with_series(kept, SESSIONS, [])
    series = kept[SESSIONS]
    oldest = -(-profile.last[SESSIONS] // width) - limit + 1
    if -(-start // width) >= oldest:
        change(series, -(-start // width), 1)
    for begin in gone:
        if -(-begin // width) >= oldest:
            change(series, -(-begin // width), -1)
    return kept


def _forget_sessions(profile: Profile, newest: int, plan: FoldPlan) -> None:
    """Forget session buckets relative to the latest visit: a join may have emptied the newest bucket."""
    series = profile.hours.get(SESSIONS)
    if series and plan.session_hours and series[0] <= -(-newest // HOUR) - plan.session_hours:
        forget(series, -(-newest // HOUR) - plan.session_hours)
    series = profile.days.get(SESSIONS)
    if series and plan.session_days and series[0] <= -(-newest // DAY) - plan.session_days:
        forget(series, -(-newest // DAY) - plan.session_days)


def _order(profile: Profile, at: int, amount: int, plan: FoldPlan) -> None:
    """Keep the order among the latest, and count its day if it is the first order of that day."""
    orders = profile.orders
    if not orders or at > orders[-2]:
        orders += (at, amount)
    else:
        pairs = sorted([*zip(orders[::2], orders[1::2], strict=True), (at, amount)])
        orders[:] = [number for pair in pairs for number in pair]
    del orders[: -2 * RECENT_ORDERS]
    day = -(-at // DAY)
    if ORDERS not in profile.days:
        profile.days = _with_series(profile.days, ORDERS, [])
    if add(profile.days[ORDERS], day, 1, plan.days[ORDERS]):
        profile.counts[ORDER_DAYS] += 1
        _add(profile, ORDER_DAYS, day * DAY, 1, plan)

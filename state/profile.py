"""What is known about one customer, and how an event changes it: the profile and its fold.

The fold commutes: events within the allowed lateness give the same profile, byte for byte, in any order and with any
duplicates that the dedup window still remembers. Everything in it is therefore a function of the *set* of events:
integer sums, minima, maxima, sorted lists of the newest few, and series that forget relative to their own newest entry.
"""

from bisect import bisect_left
from typing import Final

import msgspec

from state.events import Event
from state.instants import DAY, HOUR
from state.labels import Pending
from state.measures import MEASURES, ORDER_DAYS, ORDERS, SESSIONS
from state.plan import FoldPlan
from state.sessions import close, touch
from state.windows import LARGEST, add, change, forget

RECENT_ORDERS: Final = 16
"""How many of the latest orders a profile keeps with their amounts."""

_RECORD: Final = 12  # bytes of one remembered message: 4 of the second, 8 of the hash, so that bytes sort by time
_LAST_SECOND: Final = (1 << 32) - 1


def _zeros() -> list[int]:
    return [0] * len(MEASURES)


class Standing(msgspec.Struct, array_like=True, gc=False):
    """Where a customer stands in one lifecycle, and what of it has been published.

    Attributes:
        stage: Index of the current stage; -1 before the first evaluation.
        previous: Index of the stage before; -1 if there was none.
        since: Instant (µs) at which the current stage's condition became true.
        cycle: How often the customer came back from a lost stage.
        version: Number of the last published change; only grows.
        risk: Churn risk as last published; -1 if never.
        next_stage: Index of the likeliest next stage as last published; -1 if never.
        next_p: Its probability as last published.
    """

    stage: int = -1
    previous: int = -1
    since: int = 0
    cycle: int = 0
    version: int = 0
    risk: float = -1.0
    next_stage: int = -1
    next_p: float = 0.0


class Profile(msgspec.Struct, array_like=True, gc=False):
    """One customer's folded state. Stored under the customer's id, which it does not repeat.

    Fields are stored by position: new ones go to the end, with a default. Amounts are micro-units of the base currency,
    instants are µs, 0 for never.

    Attributes:
        offsets: Absorbed Kafka offset by source-topic id: at or below it a record is a duplicate.
        counts: Lifetime total by measure id.
        first: Earliest instant by measure id.
        last: Latest instant by measure id.
        hours: Hourly series by measure id (see `state.windows`), for the windows that the plan keeps.
        days: Daily series by measure id.
        orders: The latest orders, ``[at, amount, at, amount, …]``, sorted.
        sessions: Open sessions (see `state.sessions`).
        seen: Messages that were no visits, newest by event time: 12 bytes each, second and hash, sorted.
        seen_visits: The same for visits, apart, so that a burst of page views does not push out an order.
        standings: One a lifecycle, in configuration order.
        pending: Questions to the models that wait for their answers.
        due: Next instant at which the profile must be looked at again without an event.
        asked_at: When the models were last asked for labels.
        scored_at: When the scores were last computed.
        evaluated_at: Instant of the last evaluation.
        revision: Grows with every stored change.
        outbox: Outputs decided but not known to be delivered: (topic id, offset, kind of output, payload).
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


def apply(profile: Profile, event: Event, plan: FoldPlan) -> bool:
    """Fold *event* into *profile*, in place.

    Within ``plan.lateness`` behind the newest event the order of arrival leaves no trace. A later one still counts in
    the totals, in first and last instants and in every window whose buckets are still kept, but opens no session:
    it cannot be told from one that was counted.

    Returns:
        False if the message was folded before: nothing has changed then.
    """
    if plan.dedup and not _remember(profile, event, plan.dedup):
        return False
    if not event.active:
        return True
    kind, at = event.kind, event.at
    fold = plan.folds.get(kind) or plan.fold_of(kind)
    _count(profile, at, fold.counted)
    if fold.amount is not None and event.amount:
        measure, hours, days = fold.amount
        profile.counts[measure] = min(profile.counts[measure] + event.amount, LARGEST)
        _add(profile, measure, at, event.amount, hours, days)
    if kind.session:
        _visit(profile, at, plan)
    if kind.order:
        _order(profile, at, event.amount, plan)
    return True


def _remember(profile: Profile, event: Event, limit: int) -> bool:
    """Remember the message among the newest *limit* of its sort; False if it is remembered already.

    The newest by event time are kept, not the latest to arrive: only so does the order of arrival leave no trace.
    """
    visit = event.kind.session
    seen = profile.seen_visits if visit else profile.seen
    second = min(max(event.at // 1_000_000, 0), _LAST_SECOND)
    record = (second << 64 | event.message).to_bytes(_RECORD, "big")
    place = seen.find(record[4:])
    while place >= 0 and place % _RECORD != 4:
        place = seen.find(record[4:], place + 1)
    if place >= 0:
        return False
    if record > seen[-_RECORD:]:
        seen += record
    else:
        before = bisect_left(range(len(seen) // _RECORD), record, key=lambda i: seen[i * _RECORD : (i + 1) * _RECORD])
        seen = seen[: before * _RECORD] + record + seen[before * _RECORD :]
    seen = seen[-limit * _RECORD :]
    if visit:
        profile.seen_visits = seen
    else:
        profile.seen = seen
    return True


def _count(profile: Profile, at: int, counted: tuple[tuple[int, int, int], ...]) -> None:
    """Count one event in each measure: total, first, last, and the windows that the plan keeps."""
    counts, first, last = profile.counts, profile.first, profile.last
    for measure, hours, days in counted:
        counts[measure] += 1
        if at > last[measure]:
            last[measure] = at
        if at < first[measure] or not first[measure]:
            first[measure] = at
        if hours or days:
            _add(profile, measure, at, 1, hours, days)


def _add(profile: Profile, measure: int, at: int, value: int, hours: int, days: int) -> None:
    """Add *value* to the series of *measure*, of which *hours* and *days* buckets are kept (0: no such series)."""
    if days:
        series = profile.days.get(measure)
        if series is None:
            series = profile.days[measure] = []
        add(series, -(-at // DAY), value, days)
    if hours:
        series = profile.hours.get(measure)
        if series is None:
            series = profile.hours[measure] = []
        add(series, -(-at // HOUR), value, hours)


def _visit(profile: Profile, at: int, plan: FoldPlan) -> None:
    """Work a visit into the sessions; mostly it prolongs the newest one."""
    spans = profile.sessions
    if at > profile.last[SESSIONS]:
        profile.last[SESSIONS] = at
    newest = profile.last[SESSIONS]
    if at < profile.first[SESSIONS] or not profile.first[SESSIONS]:
        profile.first[SESSIONS] = at
    if spans and spans[-2] <= at <= spans[-1] + plan.gap:
        if at > spans[-1]:
            spans[-1] = at
    else:
        touched, start = touch(spans, at, plan.gap)
        if not touched and at + plan.gap < newest - plan.lateness:
            del spans[:2]  # older than every session that is still open: closed at once, and not counted
        elif touched != [start]:
            _recount(profile, touched, start, plan)
    if spans[1] + plan.gap < newest - plan.lateness:
        close(spans, newest - plan.lateness - plan.gap)
    _forget_sessions(profile, newest, plan)


def _recount(profile: Profile, gone: list[int], start: int, plan: FoldPlan) -> None:
    """Count one session from *start* instead of those from *gone*."""
    profile.counts[SESSIONS] += 1 - len(gone)
    for by_width, width, kept in (
        (profile.hours, HOUR, plan.hours.get(SESSIONS, 0)),
        (profile.days, DAY, plan.days.get(SESSIONS, 0)),
    ):
        if not kept:
            continue
        series = by_width.setdefault(SESSIONS, [])
        oldest = -(-profile.last[SESSIONS] // width) - kept + 1
        for begin, change_by in ((start, 1), *((begin, -1) for begin in gone)):
            if -(-begin // width) >= oldest:
                change(series, -(-begin // width), change_by)


def _forget_sessions(profile: Profile, newest: int, plan: FoldPlan) -> None:
    """Forget session buckets relative to the latest visit: a join may have emptied the newest bucket itself."""
    for by_width, width, kept in (
        (profile.hours, HOUR, plan.hours.get(SESSIONS, 0)),
        (profile.days, DAY, plan.days.get(SESSIONS, 0)),
    ):
        series = by_width.get(SESSIONS)
        if series and kept and series[0] <= -(-newest // width) - kept:
            forget(series, -(-newest // width) - kept)


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
    if add(profile.days.setdefault(ORDERS, []), day, 1, plan.days[ORDERS]):
        profile.counts[ORDER_DAYS] += 1
        hours, days = plan.hours.get(ORDER_DAYS, 0), plan.days.get(ORDER_DAYS, 0)
        if hours or days:
            _add(profile, ORDER_DAYS, day * DAY, 1, hours, days)

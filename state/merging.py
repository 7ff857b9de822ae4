"""Two ids, one customer: the profile that one id from the start would have had, out of the profiles of both.

The fold is a function of the set of events, so most of it merges by arithmetic: totals add up, instants are minima
and maxima, buckets add up and are forgotten relative to the newest of both, the latest orders and messages are the
latest of both. Sessions grow together where the ids were active within one gap of each other, and a day on which both
ordered is one day. So ``merge(fold(A), fold(B)) == fold(A and B)``, byte for byte, with these exceptions, in all of
which one of the profiles no longer knows what it would take:

* a session that is closed counts under both ids if both were active in it (`state.sessions` says when one closes);
* a day with orders under both ids counts twice in ``order_days`` if it lies before the days that are kept;
* a message that was sent under both ids counts twice: what it counted as is not remembered.

What was decided on the way is no function of events; `join_questions` and `further` say what becomes of it.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from state.instants import DAY, HOUR
from state.labels import Pending
from state.measure_ids import AMOUNTS, ORDER_DAYS, ORDERS, REVENUE, SESSIONS
from state.plan import FoldPlan
from state.profile import RECENT_ORDERS, Profile, Standing
from state.windows import LARGEST, change, forget

__all__ = ["further", "join_questions", "merge"]

_MESSAGE: Final = 12
_HASH: Final = 4


def merge(profile: Profile, other: Profile, plan: FoldPlan) -> None:
    """Work what was folded into *other* into *profile*, in place; *other* is left alone.

    Offsets, standings and what is published or asked stay those of *profile*.

    Args:
        profile: Of the customer who stays.
        other: Of the id that belongs to the same person.
        plan: Under which both were folded.

    Examples:
        >>> ann, anonymous = Profile(), Profile(orders=[5, 70])
        >>> anonymous.counts[ORDERS] = 1
        >>> merge(ann, anonymous, FoldPlan.build([]))
        >>> ann.orders, ann.counts[ORDERS]
        ([5, 70], 1)
    """
    shared = _shared_order_days(profile, other)
    joined = _join_sessions(profile, other, plan)
    counts = profile.counts
    for measure, number in enumerate(other.counts):
        total = counts[measure] + number
        counts[measure] = min(total, LARGEST) if measure in AMOUNTS else total
    counts[ORDER_DAYS] -= shared
    counts[SESSIONS] -= len(joined)
    profile.first = [
        min(a, b) if a and b else a or b for a, b in zip(profile.first, other.first, strict=True)
    ]
    profile.last = list(map(max, profile.last, other.last))
    profile.hours = _join_series(profile.hours, other.hours, plan.hours)
    profile.days = _join_series(profile.days, other.days, plan.days)
    _settle_sessions(profile, joined, plan)
    profile.orders = _latest_orders(profile.orders, other.orders)
    profile.seen = _newest(profile.seen, other.seen, plan.dedup)
    profile.seen_visits = _newest(profile.seen_visits, other.seen_visits, plan.dedup)


def further(standing: Standing, other: Standing) -> Standing:
    """Where the journey of one id from the start would have led, as far as two journeys can tell it.

    It is the one whose stage is further on in the file, or the longer one where both are at the same stage; the next
    evaluation says where it goes on. The version, and what was published of the scores, stay those of *standing*.

    Examples:
        >>> known, anonymous = Standing(stage=0, since=9, version=4), Standing(stage=2, previous=1, since=5, version=8)
        >>> joined = further(known, anonymous)
        >>> joined.stage, joined.previous, joined.since, joined.version
        (2, 1, 5, 4)
    """
    is_known = standing.stage > other.stage or (
        standing.stage == other.stage and standing.since <= other.since
    )
    ahead = standing if is_known else other
    return Standing(
        stage=ahead.stage,
        previous=ahead.previous,
        since=ahead.since,
        cycle=max(standing.cycle, other.cycle),
        version=standing.version,
        risk=standing.risk,
        next_stage=standing.next_stage,
        next_p=standing.next_p,
        alerted=standing.alerted,
        alerted_at=standing.alerted_at if standing.alerted else max(standing.alerted_at, other.alerted_at),
    )


def join_questions(profile: Profile, other: Profile, most: int) -> list[Pending]:
    """The questions that wait under both ids, oldest first; to be called before `merge`.

    Their predictions were made about half a person each, and stay what they are; their answers are those of the whole
    person. Questions of *other* beyond *most* of one lifecycle are dropped, the newest first.

    Args:
        profile: Of the customer who stays.
        other: Of the id that belongs to the same person.
        most: Questions of one lifecycle that may wait.
    """
    waiting = [_with_revenue(question, other) for question in profile.pending]
    asked = {(question.lifecycle, question.asked_at) for question in waiting}
    for question in other.pending:
        alike = sum(1 for lifecycle, _ in asked if lifecycle == question.lifecycle)
        if alike < most and (question.lifecycle, question.asked_at) not in asked:
            asked.add((question.lifecycle, question.asked_at))
            waiting.append(_with_revenue(question, profile))
    return sorted(waiting, key=lambda question: (question.asked_at, question.lifecycle))


def _with_revenue(question: Pending, other: Profile) -> Pending:
    """The question with the revenue that both ids had when it was asked, as far as the kept orders tell it."""
    pairs = zip(other.orders[::2], other.orders[1::2], strict=True)
    since = sum(amount for at, amount in pairs if at > question.asked_at)
    question.revenue += max(0, other.counts[REVENUE] - since)
    return question


def _join_series(
    series: Mapping[int, list[int]], others: Mapping[int, list[int]], kept: Mapping[int, int]
) -> dict[int, list[int]]:
    """Series by measure with the buckets of both added up, forgetting relative to the newest."""
    joined = {}
    for measure in sorted({*series, *others}):
        values: dict[int, int] = {}
        for flat in (series.get(measure, ()), others.get(measure, ())):
            for bucket, value in zip(flat[::2], flat[1::2], strict=True):
                values[bucket] = min(values.get(bucket, 0) + value, LARGEST)
        if measure == ORDER_DAYS:
            values = dict.fromkeys(values, 1)
        result = [number for pair in sorted(values.items()) for number in pair]
        if result and measure != SESSIONS:
            forget(result, result[-2] - kept.get(measure, 0))
        joined[measure] = result
    return joined


def _shared_order_days(profile: Profile, other: Profile) -> int:
    """Number of days on which both have ordered, as far as their days are kept."""
    days, theirs = (
        {*each.days.get(ORDERS, [])[::2], *each.days.get(ORDER_DAYS, [])[::2]} for each in (profile, other)
    )
    return len(days & theirs)


def _join_sessions(profile: Profile, other: Profile, plan: FoldPlan) -> list[int]:
    """Join the open sessions of both in *profile*; returns the starts of those that are part of another one now."""
    newest = max(profile.last[SESSIONS], other.last[SESSIONS])
    spans: list[int] = []
    gone: list[int] = []
    for start, end in sorted([*_spans(profile.sessions), *_spans(other.sessions)]):
        if spans and start <= spans[-1] + plan.gap:
            spans[-1] = max(spans[-1], end)
            gone.append(start)
        else:
            spans += (start, end)
    oldest = newest - plan.lateness - plan.gap
    profile.sessions = [instant for span in _spans(spans) if span[1] >= oldest for instant in span]
    return gone


def _settle_sessions(profile: Profile, gone: list[int], plan: FoldPlan) -> None:
    """Take the sessions from *gone* out of the windows, and forget relative to the latest visit."""
    newest = profile.last[SESSIONS]
    for kept, width, limit in (
        (profile.hours, HOUR, plan.session_hours),
        (profile.days, DAY, plan.session_days),
    ):
        series = kept.get(SESSIONS)
        if series is None:
            continue
        last_gone = -(-newest // width) - limit
        for start in gone:
            if -(-start // width) > last_gone:
                change(series, -(-start // width), -1)
        forget(series, last_gone)


def _spans(flat: list[int]) -> Iterator[tuple[int, int]]:
    return zip(flat[::2], flat[1::2], strict=True)


def _latest_orders(orders: list[int], others: list[int]) -> list[int]:
    pairs = sorted([*_spans(orders), *_spans(others)])
    return [number for pair in pairs[-RECENT_ORDERS:] for number in pair]


def _newest(seen: bytes, others: bytes, limit: int) -> bytes:
    """The newest *limit* messages of both, each once."""
    by_message: dict[bytes, bytes] = {}
    for remembered in (seen, others):
        for place in range(0, len(remembered), _MESSAGE):
            entry = remembered[place : place + _MESSAGE]
            by_message.setdefault(entry[_HASH:], entry)
    return b"".join(sorted(by_message.values())[max(0, len(by_message) - limit) :])

"""How much of a measure fell into the last N days: bucketed series that forget on time.

A series is a flat list ``[k, value, k, value, …]`` sorted by bucket. Bucket *k* of width *w* covers the event
times ``(k*w - w, k*w]``, so its end is ``k*w``. **An event leaves ``X_N`` exactly at (end of its bucket) +
N**: never early, at most one width late, and exactly on time when it lies on a bucket's boundary. Widths are
one hour for windows up to 14 days and one day for longer ones. Buckets are aligned to the epoch in UTC, not
to the customer.

Adding commutes: the values are integers, and a series forgets relative to its newest bucket, which does not
depend on the order of arrival.
"""

from bisect import bisect_left, bisect_right

from state.instants import DAY, HOUR

FINE = 14 * DAY
"""Longest window that is kept in hourly buckets."""

LARGEST = 9_000_000_000_000_000_000
"""Sums stop here (nine million million units) instead of leaving 64 bits: absurd amounts stop nothing."""


def width_of(span: int) -> int:
    """Bucket width in µs for a window of *span* µs: one hour up to 14 days, one day beyond.

    Examples:
        >>> width_of(14 * DAY) == HOUR, width_of(15 * DAY) == DAY
        (True, True)
    """
    return HOUR if span <= FINE else DAY


def bucket_of(at: int, width: int) -> int:
    """Index of the bucket that holds the event time *at* (µs); its end is ``index * width``.

    Examples:
        >>> bucket_of(HOUR, HOUR), bucket_of(HOUR + 1, HOUR)
        (1, 2)
    """
    return -(-at // width)


def buckets_kept(span: int, lateness: int, width: int) -> int:
    """How many buckets, the newest included, serve a window of *span* µs for events *lateness* µs late."""
    return -(-(span + lateness) // width) + 1


def add(series: list[int], bucket: int, value: int, kept: int) -> bool:
    """Add *value* to *bucket* in place, forgetting what is *kept* buckets or more behind the newest.

    Returns:
        Whether the bucket was empty before. Amortised constant time for events in order.

    Examples:
        >>> series = []
        >>> [add(series, bucket, 1, kept=3) for bucket in (5, 5, 7, 6, 9, 4)]
        [True, False, True, True, True, False]
        >>> series
        [7, 1, 9, 1]
    """
    if not series:
        series += (bucket, value)
        return True
    newest = series[-2]
    if bucket == newest:
        total = series[-1] + value
        series[-1] = total if total < LARGEST else LARGEST  # noqa: FURB136 - a call to min costs more than the addition
        return False
    if bucket > newest:
        series += (bucket, value)
        if series[0] <= bucket - kept:
            forget(series, bucket - kept)
        return True
    if bucket <= newest - kept:
        return False
    return change(series, bucket, value)


def change(series: list[int], bucket: int, value: int) -> bool:
    """Add *value* (which may be negative) to any bucket of the series; an emptied bucket disappears.

    Returns:
        Whether the bucket was empty before.
    """
    place = 2 * bisect_left(series[::2], bucket)
    if place == len(series) or series[place] != bucket:
        series[place:place] = (bucket, value)
        return True
    total = series[place + 1] + value
    if total:
        series[place + 1] = min(total, LARGEST)
    else:
        del series[place : place + 2]
    return False


def forget(series: list[int], last: int) -> None:
    """Drop the buckets up to and including *last*."""
    del series[: 2 * bisect_right(series[::2], last)]


def total(series: list[int], span: int, width: int, at: int) -> int:
    """What lies in the window of *span* µs at the instant *at*: the buckets that have not left by then."""
    gone = (at - span) // width
    if not series or series[-2] <= gone:
        return 0
    if series[0] > gone:
        return sum(series[1::2])
    return sum(series[2 * bisect_right(series[::2], gone) + 1 :: 2])

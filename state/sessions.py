"""Which visits did the events make: intervals of activity that grow together in any order of arrival.

Events that come at most one gap apart belong to one session. The open sessions are kept as a flat, sorted
list ``[start, end, start, end, …]``; a late event may open one, prolong one on either side, or join two. A
session is closed, and its interval dropped, once no event within the allowed lateness can touch it any more.
"""


def touch(spans: list[int], at: int, gap: int) -> tuple[list[int], int]:
    """Work an event at *at* into the sorted intervals *spans*, in place.

    Returns:
        The starts of the sessions that it touched (none: it opened one) and the start of the session it is in
        now.

    Examples:
        >>> spans = [100, 200, 500, 600]
        >>> touch(spans, 250, gap=60), spans
        (([100], 100), [100, 250, 500, 600])
        >>> touch(spans, 900, gap=60)
        ([], 900)
        >>> touch(spans, 375, gap=125), spans
        (([100, 500], 100), [100, 600, 900, 900])
    """
    first = 0
    while first < len(spans) and spans[first + 1] + gap < at:
        first += 2
    last = first
    start = end = at
    while last < len(spans) and spans[last] - gap <= at:
        start = min(start, spans[last])
        end = max(end, spans[last + 1])
        last += 2
    touched = spans[first:last:2]
    spans[first:last] = (start, end)
    return touched, start


def close(spans: list[int], until: int) -> None:
    """Drop the intervals that end before *until*, in place."""
    while spans and spans[1] < until:
        del spans[:2]

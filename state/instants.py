"""Which instant is meant, and how is it written: times as whole microseconds since 1970 in UTC.

One representation everywhere below the edges: an ``int`` compares, subtracts and travels without rounding,
and the law "a transition carries the instant at which its condition became true" needs every microsecond.
"""

import re
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from math import inf

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

NEVER = 0
"""The value of a *first* or *last* instant of something that has not happened."""

FAR = 1 << 62
"""No next instant: later than every instant of any calendar, and still a 64-bit integer."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NAIVE_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - writes no offset
_MICROSECOND = timedelta(microseconds=1)
_read = datetime.fromisoformat
_LENIENT = re.compile(
    r"\s*(\d{4})-(\d{1,2})-(\d{1,2})"
    r"(?:[tT ]\s*(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:[.,](\d{1,9}))?)?)?"
    r"\s*(?:([zZ])|([+-])(\d{2}):?(\d{2})?)?\s*",
)
_DIGITS = re.compile(r"\s*-?\d{9,17}(?:\.\d+)?\s*")


def parse_instant(value: str | float) -> int:
    """Read an instant as a collector writes it: RFC 3339 text, or a number of milliseconds since 1970.

    Lenient where real clients are sloppy: any offset, a missing one (read as UTC), single-digit months
    (the Segment documentation itself holds ``2015-2-02T00:30:08.276Z``), a leap second, and milliseconds as
    text.

    Returns:
        Microseconds since 1970-01-01T00:00:00Z; digits below the microsecond are dropped.

    Raises:
        ValueError: If *value* names no instant; the message quotes it.

    Examples:
        >>> parse_instant("2026-11-22T14:10:16.735+00:00") == parse_instant(1795356616735)
        True
        >>> parse_instant("2026-11-22T15:10:16.735+01:00")
        1795356616735000
        >>> parse_instant("2015-2-02T00:30:08.276Z")
        1422837008276000
    """
    if isinstance(value, str):
        try:
            since = _read(value) - _EPOCH
        except (ValueError, TypeError):  # sloppy text, or an instant without an offset
            return _parse_leniently(value)
        return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
    if isinstance(value, bool) or not -inf < value < inf:
        raise ValueError(f"{value!r} is neither RFC 3339 text nor milliseconds since 1970")
    return value * 1000 if isinstance(value, int) else round(value * 1000)


def _parse_leniently(text: str) -> int:
    """Read milliseconds as text, an instant without an offset (as UTC), or a sloppy date."""
    if _DIGITS.fullmatch(text):
        return round(float(text) * 1000)
    try:
        return (_read(text).replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND
    except ValueError:
        return _parse_sloppy(text)


def _parse_sloppy(text: str) -> int:
    """Read dates that are no RFC 3339 but have one meaning only."""
    match = _LENIENT.fullmatch(text)
    if match is None:
        raise ValueError(f"{text[:40]!r} is neither RFC 3339 text nor milliseconds since 1970")
    year, month, day, hour, minute, second, fraction, _, sign, hours, minutes = match.groups()
    offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0)) * (-1 if sign == "-" else 1)
    try:
        moment = datetime(
            int(year), int(month), int(day), int(hour or 0), int(minute or 0), tzinfo=timezone(offset)
        )
    except ValueError as error:
        raise ValueError(f"{text[:40]!r} is no instant: {error}") from None
    if int(second or 0) > 60:
        raise ValueError(f"{text[:40]!r} is no instant: second must be in 0..60")
    micros = int((fraction or "0").ljust(6, "0")[:6])
    return (moment - _EPOCH) // _MICROSECOND + int(second or 0) * SECOND + micros


def format_instant(instant: int) -> str:
    """Write an instant as RFC 3339 in UTC, with milliseconds or microseconds only where they are not zero.

    Examples:
        >>> format_instant(1795356616735000)
        '2026-11-22T14:10:16.735Z'
        >>> format_instant(1795356616000000)
        '2026-11-22T14:10:16Z'
        >>> format_instant(1795356616000001)
        '2026-11-22T14:10:16.000001Z'
    """
    seconds, micros = divmod(instant, SECOND)
    if not micros:
        return _second(seconds)
    text = _second(seconds)[:-1]
    return f"{text}.{micros // 1000:03d}Z" if micros % 1000 == 0 else f"{text}.{micros:06d}Z"


@lru_cache(maxsize=4096)  # what is told of one run happened in few seconds
def _second(seconds: int) -> str:
    return (_NAIVE_EPOCH + timedelta(seconds=seconds)).isoformat() + "Z"

"""How data sets write their times: always UTC unless they say otherwise."""

from datetime import UTC, datetime

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECONDS_FROM = 100_000_000_000
"""A number from here on is milliseconds: as seconds it is the year 5138, as milliseconds 1973."""


def parse_time(text: str) -> int:
    """Read a time as microseconds since 1970 UTC.

    Understands ISO 8601 with blank or `T`, with or without offset (none means UTC), a trailing ` UTC`,
    `yyyymmdd` (midnight), and epoch seconds or milliseconds.

    Raises:
        ValueError: If it is none of these.

    Examples:
        >>> parse_time("2009-12-01 07:45:00") == parse_time("1259653500") == parse_time("1259653500000")
        True
        >>> parse_time("19970101") == parse_time("1997-01-01T00:00:00 UTC")
        True
        >>> parse_time("2019-10-01T02:00:00+02:00") - parse_time("2019-10-01 00:00:00 UTC")
        0
    """
    text = text.strip()
    if text.isdigit():
        return _from_digits(text)
    moment = datetime.fromisoformat(text.removesuffix(" UTC"))
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    elapsed = moment - _EPOCH
    return (elapsed.days * 86_400 + elapsed.seconds) * 1_000_000 + elapsed.microseconds


def _from_digits(text: str) -> int:
    if len(text) == 8:
        day = datetime.strptime(text, "%Y%m%d").replace(tzinfo=UTC)
        return (day - _EPOCH).days * 86_400_000_000
    number = int(text)
    return number * 1_000 if number >= _MILLISECONDS_FROM else number * 1_000_000

"""How long is "90d"? Durations are written with their unit and kept as integer microseconds."""

import re
from fractions import Fraction
from typing import Final

_UNITS: Final = {
    "w": 604_800_000_000,
    "d": 86_400_000_000,
    "h": 3_600_000_000,
    "m": 60_000_000,
    "s": 1_000_000,
    "ms": 1_000,
    "us": 1,
}
_WRITTEN: Final = re.compile(r"([0-9]{1,99}(?:\.[0-9]{1,99})?) ?(w|d|h|ms|us|m|s)", re.ASCII)
_LONGEST: Final = 1 << 61  # far beyond any event time, and still an instant when added to one


class DurationError(ValueError):
    """A text is not a duration.

    Operator action: write a number and a unit (w, d, h, m, s, ms, us), for example "90d".
    """


def parse_duration(text: object) -> int:
    """Read a duration such as ``90d``, ``36h``, ``15m``, ``1.5d``.

    A bare number is refused: whether 90 means seconds or days is exactly what nobody may have to guess.

    Args:
        text: What the file or flag says. Only text is accepted.

    Returns:
        The duration in microseconds, never negative.

    Raises:
        DurationError: If it is no text, has no unit, or is finer than a microsecond.

    Examples:
        >>> parse_duration("90d") == 90 * 86_400_000_000
        True
        >>> parse_duration("1.5h")
        5400000000
        >>> parse_duration("90")
        Traceback (most recent call last):
        ...
        scorers.durations.DurationError: '90' is no duration: write a number and a unit, as in "90d" or "36h"
    """
    written = _WRITTEN.fullmatch(text.strip()) if isinstance(text, str) else None
    if written is None:
        raise DurationError(f'{text!r} is no duration: write a number and a unit, as in "90d" or "36h"')
    micros = Fraction(written[1]) * _UNITS[written[2]]
    if micros.denominator != 1:
        raise DurationError(f"{text!r} is finer than a microsecond, the resolution of event time")
    if micros > _LONGEST:
        raise DurationError(f"{text!r} is longer than event time reaches (about 73,000 years)")
    return int(micros)


def format_duration(micros: int) -> str:
    """Write a duration in the largest unit, weeks aside, that divides it.

    Args:
        micros: The duration in microseconds, not negative.

    Returns:
        Text that `parse_duration` reads back to the same number.

    Examples:
        >>> format_duration(7_776_000_000_000), format_duration(129_600_000_000), format_duration(0)
        ('90d', '36h', '0s')
    """
    if micros == 0:
        return "0s"
    for unit, size in _UNITS.items():
        if unit != "w" and micros % size == 0:  # people say "14d", not "2w"
            return f"{micros // size}{unit}"
    raise DurationError(f"{micros!r} is not a whole number of microseconds")

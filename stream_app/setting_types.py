"""How settings are spelled in a file, a variable or a flag, and what they are inside.

Durations and instants are text with a unit or an offset outside, integer microseconds inside.
"""

import re
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema

from scorers.durations import format_duration, parse_duration
from state.instants import format_instant, parse_instant

FOREVER: Final = -1
_SHORTEST_INTERVAL: Final = 1_000
REDIS_SCHEMES: Final = (
    "redis",
    "rediss",
    "unix",
    "redis+sentinel",
    "rediss+sentinel",
    "redis+cluster",
    "rediss+cluster",
)
"""How the URL of a Redis may begin; `stream_app.redis_connection` explains each."""
_DURATION_SCHEMA: Final = {
    "type": "string",
    "pattern": r"^\d+(\.\d+)?(us|ms|s|m|h|d|w)$",
    "examples": ["500ms", "10s", "15m", "36h", "90d"],
}


def _duration(value: Any) -> int:
    if not isinstance(value, str):
        raise ValueError(f'{value!r} has no unit; write for example "90d", "36h", "15m", "10s" or "500ms"')  # noqa: TRY004 - pydantic wants ValueError
    return parse_duration(value)


def _interval(value: int) -> int:
    if value < _SHORTEST_INTERVAL:
        raise ValueError(
            f"{format_duration(value)} is too short for what is done again and again: at least 1ms"
        )
    return value


def _retention(value: Any) -> int:
    return FOREVER if value == "forever" else _duration(value)


def _retention_text(value: int) -> str:
    return "forever" if value == FOREVER else format_duration(value)


def _instant(value: Any) -> int:
    if not isinstance(value, str):
        raise ValueError(f'{value!r} is no instant; write it in RFC 3339, for example "1990-01-01T00:00:00Z"')  # noqa: TRY004 - same
    return parse_instant(value)


def _shares(value: Any) -> Any:
    """Accept ``a=0.7,b=0.8`` where a table is expected: variables and flags have none."""
    if not isinstance(value, str):
        return value
    pairs = [part.partition("=") for part in value.split(",") if part.strip()]
    return {name.strip(): share.strip() for name, _, share in pairs}


def _names(value: Any) -> Any:
    """Accept ``a,b`` where a list is expected: variables and flags have no lists."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


Duration = Annotated[
    int,
    BeforeValidator(_duration),
    PlainSerializer(format_duration),
    WithJsonSchema(_DURATION_SCHEMA),
]
"""Text with a unit outside, microseconds inside."""

Interval = Annotated[Duration, AfterValidator(_interval)]
"""A duration after which something is done again: what is done without a pause leaves time for nothing else."""

Retention = Annotated[
    int,
    BeforeValidator(_retention),
    PlainSerializer(_retention_text),
    WithJsonSchema({"anyOf": [_DURATION_SCHEMA, {"const": "forever"}]}),
]
"""A duration, or ``forever`` (inside: -1)."""

Shares = Annotated[
    dict[str, Annotated[float, Field(ge=0.0, le=1.0)]],
    BeforeValidator(_shares),
    PlainSerializer(lambda shares: ",".join(f"{name}={share:g}" for name, share in shares.items())),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "object", "additionalProperties": {"type": "number", "minimum": 0, "maximum": 1}},
                {"type": "string", "examples": ["high=0.7,medium=0.75"]},
            ]
        }
    ),
]
"""A number from 0 to 1 for each name: a table in a file, ``high=0.7,medium=0.75`` in a variable."""

Instant = Annotated[
    int,
    BeforeValidator(_instant),
    PlainSerializer(format_instant),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""RFC 3339 outside, microseconds since 1970 UTC inside."""

Names = Annotated[tuple[str, ...], BeforeValidator(_names)]
"""A list, or text separated by commas."""


def without_password(url: str) -> str:
    """Return *url* in a form that may be printed and logged: no user, no password, no values of its query.

    Examples:
        >>> without_password("rediss://app:s3cret@cache:6380/0?ssl_keyfile=/k")
        'rediss://***@cache:6380/0?ssl_keyfile=***'
        >>> without_password("redis://localhost:6379")
        'redis://localhost:6379'
    """
    scheme, mark, rest = url.partition("://")
    address, query_mark, query = rest.partition("?")
    secret, at, host = address.rpartition("@")
    hidden = re.sub(r"=[^&]*", "=***", query)
    return f"{scheme}{mark}{'***' if secret or at else ''}{at}{host}{query_mark}{hidden}"

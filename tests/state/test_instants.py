from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from state import format_instant, parse_instant

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@given(st.integers(-2_000_000_000_000_000, 30_000_000_000_000_000), st.integers(-14 * 4, 14 * 4))
def test_text_of_any_offset_is_read_to_the_microsecond(instant: int, quarters: int) -> None:
    zone = timezone(timedelta(minutes=15 * quarters))
    text = (EPOCH + timedelta(microseconds=instant)).astimezone(zone).isoformat()
    assert parse_instant(text) == instant
    assert parse_instant(format_instant(instant)) == instant


@pytest.mark.parametrize(
    ("given_", "same"),
    [
        ("2015-2-02T00:30:08.276Z", "2015-02-02T00:30:08.276Z"),
        ("2026-11-22", "2026-11-22T00:00:00Z"),
        ("2026-11-22 14:10:16", "2026-11-22T14:10:16Z"),
        ("2026-11-22T14:10:16", "2026-11-22T14:10:16Z"),
        ("2026-11-22t14:10:16z", "2026-11-22T14:10:16Z"),
        ("2026-11-22T14:10:16.123456789Z", "2026-11-22T14:10:16.123456Z"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z"),
        ("2026-1-2 3:04 +0100", "2026-01-02T02:04:00Z"),
        ("1795356616735", "2026-11-22T14:10:16.735Z"),
        (1795356616735, "2026-11-22T14:10:16.735Z"),
        (1795356616735.5, "2026-11-22T14:10:16.735500Z"),
    ],
)
def test_what_real_clients_write_is_understood(given_: str | float, same: str) -> None:
    assert format_instant(parse_instant(given_)) == same


@pytest.mark.parametrize(
    "text", ["", "now", "2026-02-30T00:00:00Z", "12:00", "2026-11-22T14:10:61Z", float("nan"), True]
)
def test_what_names_no_instant_is_refused(text: str | float) -> None:
    with pytest.raises(ValueError, match=r"instant|neither|refused|number"):
        parse_instant(text)

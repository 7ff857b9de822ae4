import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorers.durations import DurationError, format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        ("90d", 90 * 86_400_000_000),
        ("36h", 36 * 3_600_000_000),
        ("15m", 900_000_000),
        ("10s", 10_000_000),
        ("2w", 14 * 86_400_000_000),
        ("250ms", 250_000),
        ("0d", 0),
        ("1.5 h", 5_400_000_000),
    ],
)
def test_a_duration_is_a_number_with_its_unit(text: str, micros: int) -> None:
    assert parse_duration(text) == micros


@pytest.mark.parametrize(
    "text",
    [
        "90",
        "d",
        "",
        "-1d",
        "1 day",
        "1d 2h",
        "1e3d",
        "0.1us",
        "٣d",
        90,
        None,
        "9" * 40 + "d",
        "9" * 5000 + "d",
    ],
)
def test_what_needs_guessing_is_refused(text: object) -> None:
    with pytest.raises(DurationError):
        parse_duration(text)


@given(st.integers(min_value=0, max_value=1 << 60))
def test_a_written_duration_reads_back(micros: int) -> None:
    assert parse_duration(format_duration(micros)) == micros

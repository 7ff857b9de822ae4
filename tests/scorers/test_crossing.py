"""The law of timers: until the next change nothing changes, and at the next change something does."""

from math import inf

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from scorers.crossing import DAY, FAR
from scorers.lifecycle import Lifecycle
from tests.scorers.imagined import Standing, lifecycle

LAST, FIRST, SEEN = "days_since_last_order", "days_since_first_order", "days_since_last_session"
AGES = (LAST, FIRST, SEEN)
NOW = 20_000 * DAY

ages = st.sampled_from([*AGES, "days_in_stage"])
signs = st.sampled_from(["<", "<=", ">", ">="])
limits = st.one_of(st.integers(0, 40).map(str), st.floats(0.001, 40).map(lambda x: f"{x:.6f}"))
stills = st.one_of(limits, st.sampled_from(["orders", "2 * order_gap_mean_days", "orders / avg_order_value"]))
comparisons = st.one_of(
    st.builds("{} {} {}".format, ages, signs, stills),
    st.builds("{1} {2} {0}".format, ages, stills, signs),
    st.builds("{} == {}".format, ages, limits),
    st.builds("{} / order_gap_mean_days {} {}".format, ages, signs, limits),
    st.builds("3 - 2 * {} {} {}".format, ages, signs, limits),
    st.builds("{} / {} {} {}".format, ages, ages, signs, st.sampled_from(["1", "0.5", "2", "1.25"])),
    st.builds("{} * {} {} {}".format, ages, ages, signs, limits),
    st.builds("{} - {} {} {}".format, ages, ages, signs, st.sampled_from(["0.5", "3", "-7.25"])),
    st.builds("{} {} {}".format, ages, signs, ages),
    st.builds("orders {} {}".format, signs, limits),
)
conditions = st.recursive(
    comparisons,
    lambda inner: st.one_of(
        st.builds("({} and {})".format, inner, inner),
        st.builds("({} or {})".format, inner, inner),
        st.builds("not ({})".format, inner),
    ),
    max_leaves=4,
)
timeless = conditions.filter(
    lambda text: "days_in_stage" not in text
)  # in `enter` it may be refused as flapping
origins = st.one_of(st.just(-inf), st.integers(0, 45 * DAY).map(lambda back: NOW - back))
values = st.one_of(st.integers(0, 5), st.floats(0, 30), st.just(inf))


@st.composite
def stages(draw: st.DrawFn) -> str:
    lines = [f'enter = "{draw(timeless)}"']
    if draw(st.booleans()):
        lines.append(f'leave = "{draw(conditions)}"')
    if draw(st.booleans()):
        lines.append(f'min_dwell = "{draw(st.integers(1, 600))}h"')
    return "\n".join(lines)


def vector_of(tried: Lifecycle, places: list[float], numbers: list[float]) -> list[float]:
    spots, sums = iter(places), iter(numbers)
    return [next(spots) if tried.is_age(name) else next(sums) for name in tried.features]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(stages(), min_size=1, max_size=3),
    st.lists(origins, min_size=3, max_size=3),
    st.lists(values, min_size=3, max_size=3),
    st.integers(0, 3),
    st.integers(0, 10 * DAY),
    st.lists(st.integers(1, 60 * DAY), min_size=30, max_size=30),
)
def test_no_change_is_skipped_and_none_is_announced_in_vain(
    tables: list[str], places: list[float], numbers: list[float], stage: int, stood: int, looks: list[int]
) -> None:
    tried = lifecycle(*tables)
    v = vector_of(tried, places, numbers)
    standing = Standing(min(stage, len(tables)), NOW - stood, 1)
    decided = tried.decide(NOW, v, standing)
    if decided != standing.stage:
        standing = Standing(decided, NOW, 1)

    change = tried.next_change(NOW, v, standing)

    assert change > NOW
    near = [
        origin + days * DAY + d for origin in places if origin > 0 for days in range(45) for d in (-1, 0, 1)
    ]
    hours = [standing.since + hours * DAY // 24 for hours in range(1, 601)]
    for t in [change - 1, *near, *hours, *(NOW + look for look in looks)]:
        if NOW < t < change:
            assert tried.decide(int(t), v, standing) == standing.stage, (t - NOW) / DAY
    simple = not any(f" {sign} " in table for table in tables for sign in ("*", "/", "-"))
    if simple and change < FAR:
        assert tried.decide(change, v, standing) != standing.stage


@pytest.mark.parametrize(
    ("condition", "micros"),
    [
        (f"{LAST} >= 90", 90 * DAY),
        (f"{LAST} > 90", 90 * DAY + 1),
        (f"not {LAST} < 90", 90 * DAY),
        (f"not {LAST} <= 90", 90 * DAY + 1),
        (f"90 <= {LAST}", 90 * DAY),
        (f"{LAST} == 90", 90 * DAY),
        (f"{LAST} - 90 >= 0", 90 * DAY),
        (f"{LAST} >= 0.1", 8_640_000_000),
        (f"{LAST} > 1 / 3", 28_800_000_001),
        (f"{LAST} >= orders", 4 * DAY),
        (f"{LAST} > orders", 4 * DAY + 1),
        (f"{LAST} / orders >= 2", 8 * DAY),
        (f"{LAST} * {LAST} >= 9", 3 * DAY),
        (f"{LAST} > 2 and orders > 3 or orders > 9", 2 * DAY + 1),
    ],
)
def test_an_age_crosses_at_its_microsecond(condition: str, micros: int) -> None:
    tried = lifecycle(f'enter = "{condition}"')
    v = [NOW if tried.is_age(name) else 4 for name in tried.features]
    assert tried.next_change(NOW, v, Standing(0, NOW, 1)) == NOW + micros


def test_two_ages_cross_where_the_equation_says() -> None:
    tried = lifecycle(f'enter = "{LAST} / {FIRST} >= 0.5"')
    assert tried.features == (LAST, FIRST)
    change = tried.next_change(NOW, [NOW - DAY, NOW - 11 * DAY], Standing(0, NOW, 1))
    assert change == NOW + 9 * DAY  # (1 + x) / (11 + x) = 0.5


def test_what_can_never_change_needs_no_timer() -> None:
    tried = lifecycle(f'enter = "orders > 5 and {LAST} > 3"', f'enter = "{LAST} - {FIRST} > 1"')
    v = [NOW - DAY if tried.is_age(name) else 4 for name in tried.features]
    assert tried.next_change(NOW, v, Standing(0, NOW, 1)) == FAR


def test_never_is_infinitely_long_ago() -> None:
    tried = lifecycle(f'enter = "{LAST} > 1000"')
    assert tried.decide(NOW, [-inf], Standing(0, 0, 1)) == 1
    assert tried.next_change(NOW, [-inf], Standing(1, 0, 1)) == FAR


@example("orders / avg_order_value > 0")
@example("orders / avg_order_value <= 0")
@example("orders / avg_order_value != 0")
@given(st.sampled_from(["<", "<=", ">", ">=", "==", "!="]).map("orders / avg_order_value {} 1".format))
def test_every_comparison_with_a_division_by_zero_is_false(condition: str) -> None:
    assert lifecycle(f'enter = "{condition}"').decide(NOW, [3, 0], Standing(0, 0, 1)) == 0


def test_a_window_that_expires_first_is_the_next_change() -> None:
    tried = lifecycle(f'enter = "orders_30d >= 1 and {LAST} > 20"')
    v = [1, NOW]
    assert tried.next_change(NOW, v, Standing(0, NOW, 1), expiry=NOW + 5 * DAY) == NOW + 5 * DAY
    assert tried.next_change(NOW, v, Standing(0, NOW, 1), expiry=NOW + 30 * DAY) == NOW + 20 * DAY + 1


@settings(max_examples=300, deadline=None)
@given(
    gaps=st.lists(st.integers(1, 200 * DAY), min_size=1, max_size=30),
    sign=st.sampled_from([">=", ">"]),
    negated=st.booleans(),
)
def test_an_age_of_so_many_usual_gaps_is_reached_at_the_very_microsecond(
    gaps: list[int], sign: str, negated: bool
) -> None:
    """The first order is just as old as all gaps together when the last one comes, whatever rounding makes of the mean."""
    first, last = NOW, NOW + sum(gaps)
    mean = (last - first) / len(gaps) / DAY  # as `state.order_features` reads it
    condition = f"{FIRST} {sign} {len(gaps)} * order_gap_mean_days"
    tried = lifecycle(f'enter = "{f"not ({condition})" if negated else condition}"')
    v = vector_of(tried, [first], [mean])
    reached = last if sign == ">=" else last + 1
    before, after = (1, 0) if negated else (0, 1)
    assert tried.decide(reached - 1, v, Standing(before, first, 1)) == before
    assert tried.decide(reached, v, Standing(before, first, 1)) == after
    if reached - 1 > first:
        assert tried.next_change(first, v, Standing(before, first, 1)) == reached

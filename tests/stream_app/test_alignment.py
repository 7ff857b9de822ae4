from operator import attrgetter
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_app.alignment import Alignment, Arrived, Punctuation

SOURCES = 3
_PLACE = attrgetter("source", "offset")


DRAWN = st.lists(st.lists(st.tuples(st.integers(0, SOURCES - 1), st.integers(0, 3)), max_size=8), max_size=4)


def _sent(drawn: list[list[tuple[int, int]]]) -> list[list[Arrived]]:
    """What a producer sends in event-time order: between two punctuations a stretch, later than the one before."""
    stretches: list[list[Arrived]] = []
    ends, at = [0] * SOURCES, 0
    for steps in drawn:
        stretch = []
        at += 1
        for source, step in steps:
            at += step
            stretch.append(Arrived(at, source, ends[source], (source, ends[source])))
            ends[source] += 1
        stretches.append(stretch)
    return stretches


def _promises(stretches: list[list[Arrived]]) -> list[Punctuation]:
    ends: dict[int, int] = {}
    promises, at = [], 0
    for stretch in stretches:
        for record in stretch:
            ends[record.source] = record.offset + 1
            at = record.at
        promises.append(Punctuation(at, dict(ends)))
    return promises


@settings(max_examples=150, deadline=None)
@given(drawn=DRAWN, fetches=st.randoms(use_true_random=False))
def test_what_promises_cover_is_released_in_event_time_order_whatever_the_fetches(
    drawn: list[list[tuple[int, int]]], fetches: Random
) -> None:
    stretches = _sent(drawn)
    alignment = Alignment(SOURCES, hold=1.0, patience=30.0)
    everything = [record for stretch in stretches for record in stretch]
    queues = [[record for record in everything if record.source == source] for source in range(SOURCES)]
    promises = _promises(stretches)
    released: list[Arrived] = []
    frontiers = [0]
    while any(queues) or promises:
        choice = fetches.randint(0, SOURCES)
        if choice == SOURCES and promises:
            alignment.punctuate(promises.pop(0))
        elif choice < SOURCES:
            some = fetches.randint(0, len(queues[choice]))
            alignment.add(queues[choice][:some], now=0.5)
            del queues[choice][:some]
        released += alignment.release(now=0.5, most=fetches.randint(1, 5))
        assert all(record.at <= alignment.frontier for record in released)
        frontiers.append(alignment.frontier)
        if alignment.is_clear:
            alignment.passed()
    for _ in (*everything, *stretches):
        released += alignment.release(now=0.5, most=2)
        if alignment.is_clear:
            alignment.passed()
    assert released == sorted(everything, key=lambda record: (record.at, record.source, record.offset))
    assert frontiers == sorted(frontiers)
    assert alignment.is_clear
    assert len(alignment) == 0


def _head_by_head(records: list[Arrived]) -> list[Arrived]:
    """The merge in its plainest form: whichever topic's next record is the earliest gives one."""
    queues = [[record for record in records if record.source == source] for source in range(SOURCES)]
    merged = []
    while waiting := [queue for queue in queues if queue]:
        merged.append(min(waiting, key=lambda queue: (queue[0].at, queue[0].source)).pop(0))
    return merged


@settings(max_examples=100, deadline=None)
@given(
    given_order=st.lists(st.tuples(st.integers(0, SOURCES - 1), st.integers(0, 50)), max_size=20),
    most=st.integers(1, 6),
)
def test_without_promises_everything_comes_once_each_topic_in_its_own_order(
    given_order: list[tuple[int, int]], most: int
) -> None:
    """Event times within a topic are in disorder here; between topics the earliest head goes first."""
    ends = [0] * SOURCES
    records = []
    for source, at in given_order:
        records.append(Arrived(at, source, ends[source], None))
        ends[source] += 1
    for hold, now in ((0.0, 0.0), (1.0, 1.0)):
        alignment = Alignment(SOURCES, hold=hold, patience=30.0)
        for source in range(SOURCES):
            alignment.add([record for record in records if record.source == source], now=0.0)
        released: list[Arrived] = []
        while taken := alignment.release(now=now, most=most):
            assert len(taken) <= most
            released += taken
        assert released == _head_by_head(records)
        assert alignment.wait(now) is None


def test_a_promise_waits_for_every_offset_that_it_covers() -> None:
    alignment = Alignment(2, hold=1.0, patience=30.0)
    alignment.add([Arrived(10, 0, 0, "a")], now=0.0)
    alignment.punctuate(Punctuation(20, {0: 1, 1: 1}))
    assert (alignment.release(now=0.0), alignment.frontier) == ([], 0)
    alignment.add([Arrived(5, 1, 0, "b")], now=0.0)
    assert [record.item for record in alignment.release(now=0.0)] == ["b", "a"]
    assert alignment.frontier == 20


def test_a_promise_about_what_was_read_before_a_restart_is_kept_at_once() -> None:
    alignment = Alignment(2, hold=1.0, patience=30.0)
    alignment.start_at(0, 7)
    alignment.punctuate(Punctuation(20, {0: 7}))
    assert (alignment.release(now=0.0), alignment.frontier) == ([], 20)


def test_records_wait_for_a_promise_and_longer_for_a_producer_that_makes_them() -> None:
    alignment = Alignment(2, hold=1.0, patience=30.0)
    alignment.add([Arrived(10, 0, 0, "a")], now=5.0)
    assert alignment.wait(5.25) == 0.75
    assert alignment.release(now=5.9) == []
    assert [record.item for record in alignment.release(now=6.0)] == ["a"]
    assert alignment.frontier == 0
    alignment.punctuate(Punctuation(30, {0: 3}))
    alignment.add([Arrived(40, 0, 1, "b")], now=10.0)
    assert alignment.release(now=11.5) == []
    assert alignment.wait(11.5) == 28.5
    assert [record.item for record in alignment.release(now=40.0)] == ["b"]


def test_time_may_pass_only_when_nothing_before_the_frontier_is_left() -> None:
    alignment = Alignment(2, hold=1.0, patience=30.0)
    alignment.add([Arrived(10, 0, 0, "a"), Arrived(20, 0, 1, "b"), Arrived(60, 0, 2, "c")], now=0.0)
    alignment.punctuate(Punctuation(40, {0: 3}))
    assert [record.item for record in alignment.release(now=0.0, most=1)] == ["a"]
    assert not alignment.is_clear
    assert [record.item for record in alignment.release(now=0.0)] == ["b"]
    assert alignment.is_clear
    assert len(alignment) == 1


@pytest.mark.parametrize("at_once", [True, False])
def test_time_passes_to_one_promise_before_the_next_counts(at_once: bool) -> None:
    """Whoever is behind knows both; what comes in disorder comes behind the same timers all the same."""
    alignment = Alignment(1, hold=1.0, patience=30.0)
    alignment.add([Arrived(46, 0, 0, "ann"), Arrived(40, 0, 1, "bob")], now=0.0)
    first, second = Punctuation(44, {0: 2}), Punctuation(60, {0: 2})
    alignment.punctuate(first)
    if at_once:
        alignment.punctuate(second)
    assert (alignment.release(now=0.0), alignment.frontier, alignment.is_clear) == ([], 44, True)
    assert (alignment.release(now=0.0), alignment.frontier) == ([], 44)
    alignment.passed()
    if not at_once:
        alignment.punctuate(second)
    assert [record.item for record in alignment.release(now=0.0)] == ["ann", "bob"]
    assert alignment.frontier == 60


def test_who_knows_that_a_producer_punctuates_waits_for_it_from_the_beginning() -> None:
    fresh = Alignment(SOURCES, hold=1.0, patience=30.0)
    resumed = Alignment(SOURCES, hold=1.0, patience=30.0, is_punctuated=True)
    for alignment in (fresh, resumed):
        alignment.add([Arrived(5, 0, 0, "a")], now=0.0)

    assert [len(fresh.release(now=1.5)), len(resumed.release(now=1.5))] == [1, 0]
    assert [len(resumed.release(now=29.0)), resumed.is_impatient] == [0, False]
    assert [len(resumed.release(now=30.0)), resumed.is_impatient] == [1, True]
    assert not fresh.is_impatient


@settings(max_examples=150, deadline=None)
@given(drawn=DRAWN, fetches=st.randoms(use_true_random=False))
def test_whoever_catches_up_folds_in_event_time_order_whatever_the_fetches(
    drawn: list[list[tuple[int, int]]], fetches: Random
) -> None:
    """The wall clock: no promises, but it is known of which topics there is more."""
    everything = [record for stretch in _sent(drawn) for record in stretch]
    left = [[record for record in everything if record.source == source] for source in range(SOURCES)]
    alignment = Alignment(SOURCES, hold=0.0, patience=0.0)
    for source in range(SOURCES):
        if left[source]:
            alignment.expect(source)
    released: list[Arrived] = []
    while any(left):
        source = fetches.choice([source for source in range(SOURCES) if left[source]])
        some = fetches.randint(1, len(left[source]))
        fetched, left[source] = left[source][:some], left[source][some:]
        alignment.add(fetched, now=0.0, has_more=bool(left[source]))
        released += alignment.release(now=0.0, most=fetches.randint(1, 5))
    while taken := alignment.release(now=0.0, most=2):
        released += taken
    assert [record.at for record in released] == sorted(record.at for record in everything)
    assert sorted(released, key=_PLACE) == sorted(everything, key=_PLACE)


def test_a_topic_of_which_there_is_more_is_waited_for_and_then_given_up() -> None:
    alignment = Alignment(2, hold=0.0, patience=0.0)
    alignment.add([Arrived(10, 0, 0, "a")], now=0.0, has_more=True)
    alignment.add([Arrived(5, 1, 0, "x"), Arrived(90, 1, 1, "y")], now=0.0)
    assert [record.item for record in alignment.release(now=0.0)] == ["x", "a"]
    assert (alignment.release(now=2.0), alignment.wait(2.0)) == ([], 1.0)
    assert (alignment.release(now=2.9), alignment.wait(2.9)) == ([], pytest.approx(0.1))
    assert [record.item for record in alignment.release(now=3.0)] == ["y"]
    alignment.add([Arrived(95, 1, 2, "z")], now=4.0)
    # It is not waited for again before it comes.
    assert [record.item for record in alignment.release(now=4.0)] == ["z"]
    alignment.add([Arrived(20, 0, 1, "b")], now=5.0, has_more=True)
    alignment.add([Arrived(99, 1, 3, "q")], now=5.0)
    assert [record.item for record in alignment.release(now=5.0)] == ["b"]
    assert alignment.release(now=5.0) == []


def test_a_topic_that_is_read_to_its_end_is_waited_for_by_nobody() -> None:
    alignment = Alignment(2, hold=0.0, patience=0.0)
    alignment.expect(0)
    alignment.add([Arrived(50, 1, 0, "x")], now=0.0)
    assert alignment.release(now=0.0) == []
    alignment.add([Arrived(10, 0, 0, "a")], now=0.1)
    assert [record.item for record in alignment.release(now=0.1)] == ["a", "x"]
    assert alignment.wait(0.1) is None


def test_a_topic_through_which_history_is_sent_keeps_nobody_waiting() -> None:
    hour = 3_600_000_000
    alignment = Alignment(2, hold=0.0, patience=0.0)
    alignment.add([Arrived(hour, 0, 0, "a")], now=0.0, has_more=True)
    alignment.add([Arrived(hour + 1, 1, 0, "soon"), Arrived(9 * hour, 1, 1, "now")], now=0.0)
    assert [record.item for record in alignment.release(now=0.0)] == ["a"]
    alignment.add([Arrived(hour + 2, 0, 1, "b")], now=0.1, has_more=True)
    assert [record.item for record in alignment.release(now=0.1)] == ["soon", "b", "now"]


def test_whoever_waits_for_a_topic_goes_on_as_soon_as_it_comes_without_promises_too() -> None:
    alignment = Alignment(2, hold=1.0, patience=30.0)
    alignment.add([Arrived(10, 0, 0, "a")], now=0.0, has_more=True)
    alignment.add([Arrived(90, 1, 0, "x")], now=0.0)
    assert [record.item for record in alignment.release(now=1.0)] == ["a"]
    assert alignment.release(now=1.1) == []
    alignment.add([Arrived(20, 0, 1, "b")], now=1.2)
    assert [record.item for record in alignment.release(now=1.2)] == ["b", "x"]

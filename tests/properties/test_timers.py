"""Timers fire neither early nor late, in any order of the customers; the books agree with a full scan."""

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from state import DAY, FAR, MINUTE, Event
from tests.properties.histories import cuts, histories
from tests.state.builders import START, build_event
from tests.stream_app.partitions import RETAIL, VISITS, Partition, arrived, scoring


@settings(max_examples=40, deadline=None)
@given(history=histories(most=12))
def test_nothing_happens_before_an_instant_is_due_and_everything_at_it(history: list[Event]) -> None:
    partition = Partition(scoring(RETAIL, VISITS))
    log = arrived(history)
    for record in log:
        partition.fold([record])
    partition.tick(log[-1].at)
    for _ in range(25):
        due = partition.engine.shelf.timers.next_due()
        if due == FAR:
            break
        before = partition.profiles
        assert min(profile.due for profile in before.values()) == due
        assert partition.tick(due - 1) == []
        assert partition.profiles == before
        partition.tick(due)
        for customer, profile in partition.profiles.items():
            if before[customer].due == due:
                assert profile.evaluated_at == due
                assert profile.due > due
            else:
                assert profile == before[customer]


@settings(max_examples=40, deadline=None)
@given(history=histories(), data=st.data())
def test_the_heap_and_the_counts_equal_a_full_scan_after_every_run(
    history: list[Event], data: st.DataObject
) -> None:
    partition = Partition(scoring(RETAIL, VISITS))
    log = arrived(history)
    for run in data.draw(cuts(len(log))):
        partition.fold(log[run])
        partition.check_books()
        if data.draw(st.booleans()):
            partition.erase(data.draw(st.sampled_from(["ann", "bob", "nobody"])))
            partition.check_books()
    partition.tick(log[-1].at + 200 * DAY)
    partition.check_books()
    assert all(profile.due > partition.engine.time for profile in partition.profiles.values())


@settings(max_examples=30, deadline=None)
@given(steps=st.lists(st.integers(0, 30), min_size=1, max_size=6), every=st.integers(1, 40))
def test_evaluations_only_go_forward_also_when_silence_is_scored_sooner_than_activity(
    steps: list[int], every: int
) -> None:
    for clock in ("event", "wall"):
        partition = Partition(scoring(RETAIL, VISITS, rescore_every=every * MINUTE), clock, pause=1000)
        at, reached = START, 0
        for number, minutes in enumerate(steps):
            at += minutes * MINUTE
            (record,) = arrived([build_event("Page Viewed", at, message=number << 20)])
            partition.fold([replace(record, offset=number)], at)
            profile = partition.profiles["ann"]
            assert reached <= profile.evaluated_at < profile.due
            reached = profile.evaluated_at

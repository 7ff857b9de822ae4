"""Within the allowed lateness the order of arrival leaves no trace in what is known; beyond it nobody moves back."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from state import DAY, HOUR, Event, Profile
from tests.properties.histories import histories
from tests.state.builders import START, build_event
from tests.stream_app.partitions import RETAIL, VISITS, Partition, arrived, scoring


def _known(profile: Profile) -> tuple[object, ...]:
    """What the events say, without what was decided along the way."""
    windows = (profile.hours, profile.days, profile.orders, profile.sessions)
    return (profile.counts, profile.first, profile.last, *windows, profile.seen, profile.seen_visits)


@settings(max_examples=60, deadline=None)
@given(history=histories(), data=st.data())
def test_records_within_the_lateness_fold_to_the_same_knowledge(
    history: list[Event], data: st.DataObject
) -> None:
    lateness = data.draw(st.sampled_from([HOUR, 2 * DAY]))
    delays = data.draw(st.lists(st.integers(0, lateness), min_size=len(history), max_size=len(history)))
    order = sorted(range(len(history)), key=lambda place: (history[place].at + delays[place], place))
    partitions = [Partition(scoring(RETAIL, VISITS, lateness=lateness)) for _ in range(2)]
    for partition, places in zip(partitions, (range(len(history)), order), strict=True):
        for record in arrived(history[place] for place in places):
            partition.fold([record])
        outcomes = sum((effects.outcomes for effects in partition.effects), Counter[tuple[int, str]]())
        assert {outcome for _, outcome in outcomes} == {"applied"}
    known, disordered = ({name: _known(each) for name, each in one.profiles.items()} for one in partitions)
    assert disordered == known


@settings(max_examples=60, deadline=None)
@given(history=histories(), back=st.integers(0, 120 * DAY), place=st.integers(0, 19), units=st.integers(0, 9))
def test_a_late_record_behind_the_customer_moves_no_stage_backwards(
    history: list[Event], back: int, place: int, units: int
) -> None:
    partition = Partition(scoring(RETAIL, VISITS))
    log = arrived(history)
    partition.fold(log)
    partition.tick(history[-1].at)
    customer = history[place % len(history)].customer
    before = partition.profiles[customer]
    at = min(before.evaluated_at, partition.engine.time) - 1 - back
    late = build_event(at=max(at, START - DAY), customer=customer, amount=units * 1_000_000, message=5)
    record = replace(arrived([late])[0], offset=5000)
    # Without the timers that follow: time may move whom the record has left where they were.
    effects = partition.take(partition.engine.fold([record], stamp=(2, 5000)))
    assert dict(effects.outcomes) == {(2, "late"): 1}
    after = partition.profiles[customer]
    for was, now in zip(before.standings, after.standings, strict=True):
        assert now.stage >= was.stage
    assert after.counts[0] == before.counts[0] + 1
    assert partition.changes(customer, "retail")[-1]["orders"] == sum(
        event.kind.order and event.active and event.customer == customer for event in [*history, late]
    )

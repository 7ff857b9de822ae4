"""An engine that takes over the stored bytes of another continues as if that one had never stopped."""

from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from state import DAY, HOUR, Event
from stream_app.alignment import Arrived
from stream_app.engine import META_KEY
from tests.properties.histories import cuts, histories
from tests.stream_app.partitions import RETAIL, TICKS, VISITS, Partition, arrived, scoring, told

BOTH = (RETAIL, VISITS)


class Step(NamedTuple):
    """A run, or a tick."""

    records: list[Arrived]
    tick: int
    offset: int

    def take(self, partition: Partition) -> None:
        if self.records:
            partition.fold(self.records)
        else:
            partition.tick(self.tick, self.offset)

    @property
    def positions(self) -> dict[int, int]:
        if self.records:
            return {record.source: record.offset + 1 for record in self.records}
        return {TICKS: self.offset + 1}


@st.composite
def scripts(draw: st.DrawFn) -> list[Step]:
    """Runs with ticks in between, and a last tick long after."""
    history: list[Event] = draw(histories(most=16))
    log = arrived(history)
    steps: list[Step] = []
    for number, run in enumerate(draw(cuts(len(log)))):
        if draw(st.booleans()):
            steps.append(Step([], log[run][0].at - draw(st.sampled_from([1, HOUR, 9 * DAY])), number))
        steps.append(Step(log[run], 0, 0))
    return [*steps, Step([], log[-1].at + 100 * DAY, 1000)]


def _played(script: list[Step]) -> tuple[Partition, list[int]]:
    """The partition after the script, and the length of its changelog after each step."""
    partition = Partition(scoring(*BOTH))
    ends = []
    for step in script:
        step.take(partition)
        ends.append(len(partition.table.log))
    return partition, ends


@settings(max_examples=120, deadline=None)
@given(script=scripts(), data=st.data())
def test_a_crash_anywhere_leaves_no_trace(script: list[Step], data: st.DataObject) -> None:
    """Stored is any prefix of the changelog, committed any number of steps that are wholly in it."""
    whole, ends = _played(script)
    done = data.draw(st.integers(0, len(script) - 1), label="steps committed")
    least = ends[done - 1] if done else 0
    length = data.draw(st.integers(least, len(whole.table.log)), label="changelog records stored")
    stored = {META_KEY: whole.engine.meta(), **dict(whole.table.log[:length])}
    committed: dict[int, int] = {}
    for step in script[:done]:
        committed.update(step.positions)

    before = Partition(scoring(*BOTH))
    for step in script[:done]:
        step.take(before)
    heir = Partition(scoring(*BOTH), values=stored)
    undelivered, migrated = heir.engine.recover(committed)
    assert not migrated
    heir.check_books()
    heir.outputs = [*before.outputs, *undelivered]
    for step in script[done:]:
        step.take(heir)
    assert heir.told() == whole.told()
    assert heir.settled() == whole.settled()
    heir.check_books()


@settings(max_examples=60, deadline=None)
@given(script=scripts(), data=st.data())
def test_exactly_what_was_not_delivered_comes_back_byte_for_byte(
    script: list[Step], data: st.DataObject
) -> None:
    done = data.draw(st.integers(0, len(script)), label="steps delivered")
    partition = Partition(scoring(*BOTH))
    committed: dict[int, int] = {}
    owed = partition.outputs[:0]
    for number, step in enumerate(script):
        begin = len(partition.outputs)
        step.take(partition)
        if number < done:
            committed.update(step.positions)
            for source, offset in step.positions.items():
                partition.engine.delivered(source, offset)
        else:
            owed += partition.outputs[begin:]
    heir = Partition(scoring(*BOTH), values=partition.table.values)
    undelivered, _ = heir.engine.recover(committed)
    assert told(undelivered) == told(owed)


@settings(max_examples=40, deadline=None)
@given(script=scripts())
def test_an_outbox_is_emptied_by_the_first_change_after_its_delivery(script: list[Step]) -> None:
    partition = Partition(scoring(*BOTH))
    for step in script:
        before = partition.profiles
        begin = len(partition.outputs)
        step.take(partition)
        published = told(partition.outputs[begin:])
        for customer, profile in partition.profiles.items():
            if customer not in before or profile.revision != before[customer].revision:
                owed = [(kind, payload) for _, _, kind, payload in profile.outbox]
                assert owed == published.get(customer.encode(), [])
        for source, offset in step.positions.items():
            partition.engine.delivered(source, offset)

"""Profiles that are written later than they change, once for several runs: a crash leaves no trace of that either."""

from itertools import accumulate
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from state import DAY, HOUR, MINUTE
from stream_app.effects import Effects
from stream_app.engine import CLOCK_KEY, META_KEY
from stream_app.worker.write_behind import WriteBehind
from tests.properties.histories import CUSTOMERS
from tests.properties.test_recovery import BOTH, Step
from tests.state.builders import START, build_event
from tests.stream_app.partitions import Partition, arrived, scoring


@st.composite
def _bursts(draw: st.DrawFn) -> list[Step]:
    """Runs of one event or two that come close together and mostly change nothing that is published: those are held."""
    kinds = st.sampled_from([*["Page Viewed"] * 4, *["Ticket Created"] * 3, "Order Completed"])
    silences = st.sampled_from([*[0, 1, MINUTE] * 3, HOUR, DAY, 45 * DAY])
    drawn = draw(st.lists(st.tuples(st.sampled_from(CUSTOMERS), kinds, silences), min_size=4, max_size=24))
    instants = accumulate(silence for _, _, silence in drawn)
    log = arrived(
        build_event(name, START + at, customer=customer, amount=12_500_000, message=number << 20)
        for number, ((customer, name, _), at) in enumerate(zip(drawn, instants, strict=True), 1)
    )
    steps: list[Step] = []
    while log:
        most = draw(st.integers(1, 2))
        run, log = log[:most], log[most:]
        steps.append(Step(run, 0, 0))
        if draw(st.integers(0, 5)) == 0:
            steps.append(Step([], run[-1].at + draw(st.sampled_from([0, HOUR])), len(steps)))
    return steps


_STEPS = 99
"""In the place of a source: how many steps of the script are done."""


class Holding(Partition):
    """A partition that holds profiles and writes them like a worker does.

    Attributes:
        safe: Length of the changelog, and steps that may be committed from there on.
    """

    def __init__(self, hold: int, patience: float, **options: Any) -> None:
        super().__init__(scoring(*BOTH), hold=hold, **options)
        self.behind = WriteBehind(patience)
        self.now = 0.0
        self.safe = [(0, 0)]

    def take(self, effects: Effects) -> Effects:
        super().take(effects)
        self._write({})
        return effects

    def write_clock(self) -> None:
        """Not here: the clock must not be ahead of what is written."""

    def finish(self, number: int, *, is_last: bool = False) -> None:
        """Step *number* is folded."""
        self.now += 1.0
        self._write({_STEPS: number + 1}, is_last=is_last)

    def _write(self, done: dict[int, int], *, is_last: bool = False) -> None:
        clock = self.engine.clock_state()
        _, written = self.behind.write(self.engine.shelf, done, clock, self.now, is_last=is_last)
        if written:
            self.table.put(CLOCK_KEY, written.clock)
            if written.done:
                self.safe.append((len(self.table.log), written.done[_STEPS]))


def _positions(script: list[Step], done: int) -> dict[int, int]:
    committed: dict[int, int] = {}
    for step in script[:done]:
        committed.update(step.positions)
    return committed


def _payloads(partition: Partition) -> set[tuple[bytes, int, bytes]]:
    return {(output.key, output.kind, output.payload) for output in partition.outputs}


def _crashed(script: list[Step], holder: Holding, data: st.DataObject) -> tuple[Holding, int, list[Any]]:
    """Who takes over after a crash at any record of the changelog, how many steps were committed, and what was owed."""
    length = data.draw(st.integers(0, len(holder.table.log)), label="changelog records stored")
    done = data.draw(
        st.sampled_from([done for end, done in holder.safe if end <= length]), label="steps committed"
    )
    stored = {META_KEY: holder.engine.meta(), **dict(holder.table.log[:length])}
    heir = Holding(data.draw(st.integers(0, 4)), data.draw(st.sampled_from([0.0, 2.0, 99.0])), values=stored)
    undelivered, migrated = heir.engine.recover(_positions(script, done))
    assert not migrated
    return heir, done, undelivered


@settings(max_examples=80, deadline=None)
@given(
    script=_bursts(), hold=st.integers(0, 4), patience=st.sampled_from([0.0, 1.0, 3.0, 99.0]), data=st.data()
)
def test_a_crash_anywhere_leaves_no_trace(
    script: list[Step], hold: int, patience: float, data: st.DataObject
) -> None:
    whole, holder = Partition(scoring(*BOTH)), Holding(hold, patience)
    for number, step in enumerate(script):
        step.take(whole)
        step.take(holder)
        holder.finish(number)
    assert holder.told() == whole.told()

    heir, done, undelivered = _crashed(script, holder, data)
    before = Partition(scoring(*BOTH))
    for step in script[:done]:
        step.take(before)
    heir.outputs = [*before.outputs, *undelivered]
    for number, step in enumerate(script[done:], done):
        step.take(heir)
        heir.finish(number)
    heir.finish(len(script), is_last=True)
    assert heir.told() == whole.told()
    assert heir.settled() == whole.settled()
    heir.check_books()


@settings(max_examples=40, deadline=None)
@given(script=_bursts(), hold=st.integers(1, 4), data=st.data())
def test_what_was_published_is_not_forgotten_because_it_was_trimmed(
    script: list[Step], hold: int, data: st.DataObject
) -> None:
    """Outputs leave the outbox when they are acknowledged, which is before their offsets are committed."""
    whole, holder = Partition(scoring(*BOTH)), Holding(hold, 3.0)
    for number, step in enumerate(script):
        step.take(whole)
        step.take(holder)
        for source, offset in step.positions.items():
            holder.engine.delivered(source, offset)
        holder.finish(number)

    heir, done, undelivered = _crashed(script, holder, data)
    heir.outputs = [*holder.outputs, *undelivered]
    for number, step in enumerate(script[done:], done):
        step.take(heir)
        heir.finish(number)
    assert _payloads(heir) == _payloads(whole)


@settings(max_examples=40, deadline=None)
@given(script=_bursts(), hold=st.integers(1, 4))
def test_no_more_are_held_than_may_be_and_whoever_is_held_is_found(script: list[Step], hold: int) -> None:
    whole, holder = Partition(scoring(*BOTH)), Holding(hold, 99.0)
    for number, step in enumerate(script):
        step.take(whole)
        step.take(holder)
        holder.finish(number)
        shelf = holder.engine.shelf
        now = {customer: profile.counts for customer, profile in shelf.items()}
        assert now == {customer: profile.counts for customer, profile in whole.engine.shelf.items()}
        stored = {customer: profile.counts for customer, profile in holder.profiles.items()}
        assert sum(counts != stored.get(customer) for customer, counts in now.items()) <= hold

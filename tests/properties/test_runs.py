"""How the log reaches the engine leaves no trace: cuts into runs, neighbours, calls of timers, duplicates."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from state import DAY, HOUR, Event
from stream_app.alignment import Arrived
from stream_app.scoring import Policy, Scoring, load_lifecycles
from tests.properties.histories import CUSTOMERS, NAMES, cuts, histories
from tests.state.builders import START, build_event
from tests.stream_app.partitions import RETAIL, VISITS, Partition, arrived, scoring

BOTH = (RETAIL, VISITS)
PRESETS = ("six-stage", "win-back", "seven-stage", "experience", "reach", "saas", "b2b")
EVERYTHING = (
    *NAMES,
    "Product Added",
    "Trial Started",
    "Subscription Cancelled",
    "Feature Used",
    "Signed Up",
    "Review Submitted",
    "Invite Sent",
)


def _played(log: list[Arrived], runs: list[slice], until: int) -> Partition:
    partition = Partition(scoring(*BOTH))
    for run in runs:
        partition.fold(log[run])
    partition.tick(until)
    partition.check_books()
    return partition


def _whole(log: list[Arrived], until: int) -> Partition:
    return _played(log, [slice(0, len(log))], until)


@settings(max_examples=60, deadline=None)
@given(history=histories(), data=st.data())
def test_the_cut_into_runs_leaves_no_trace(history: list[Event], data: st.DataObject) -> None:
    log, until = arrived(history), history[-1].at + 120 * DAY
    whole = _whole(log, until)
    cut = _played(log, data.draw(cuts(len(log))), until)
    assert cut.told() == whole.told()
    assert cut.settled() == whole.settled()


@settings(max_examples=60, deadline=None)
@given(history=histories(), delays=st.data())
def test_the_cut_leaves_no_trace_even_when_records_come_late(
    history: list[Event], delays: st.DataObject
) -> None:
    """Which record is late, and which timers came before it, is decided by the log and not by the fetches."""
    late = delays.draw(
        st.lists(
            st.sampled_from([0, 0, HOUR - 1, HOUR + 2, 3 * DAY]), min_size=len(history), max_size=len(history)
        )
    )
    order = sorted(range(len(history)), key=lambda place: (history[place].at + late[place], place))
    log, until = arrived(history[place] for place in order), history[-1].at + 120 * DAY
    whole = _whole(log, until)
    cut = _played(log, delays.draw(cuts(len(log))), until)
    outcomes = [
        sum((effects.outcomes for effects in each.effects), Counter[tuple[int, str]]())
        for each in (whole, cut)
    ]
    assert outcomes[0] == outcomes[1]
    assert cut.told() == whole.told()
    assert cut.settled() == whole.settled()


def test_a_timer_that_comes_before_a_late_record_comes_before_it_in_every_cut() -> None:
    """Ann's 90 days of silence are over, the partition's clock is beyond, and then comes an older order of hers."""
    due = START + 90 * DAY
    log = arrived([
        build_event(at=START, message=1 << 20),
        build_event(at=due + 3 * HOUR, message=2 << 20, customer="bob"),
        build_event(at=due - 10, message=3 << 20),
    ])  # fmt: skip
    whole = _whole(log, due + 4 * HOUR)
    for place in (1, 2):
        cut = _played(log, [slice(0, place), slice(place, 3)], due + 4 * HOUR)
        assert cut.told() == whole.told()
        assert cut.settled() == whole.settled()
    assert [move["stage"] for move in whole.moves("ann") if move["lifecycle"] == "retail"] == [
        "customer",
        "lapsed",
    ]


@settings(max_examples=60, deadline=None)
@given(history=histories(), data=st.data())
def test_when_timers_are_fired_leaves_no_trace(history: list[Event], data: st.DataObject) -> None:
    log, until = arrived(history), history[-1].at + 120 * DAY
    whole = _whole(log, until)
    ticked = Partition(scoring(*BOTH))
    for run in data.draw(cuts(len(log))):
        begin = log[run][0].at
        ticked.tick(begin - data.draw(st.sampled_from([1, HOUR, 5 * DAY])))
        ticked.fold(log[run])
    ticked.tick(until - 60 * DAY)
    ticked.tick(until)
    assert ticked.told() == whole.told()
    assert ticked.settled() == whole.settled()


@settings(max_examples=40, deadline=None)
@given(history=histories())
def test_customers_and_partitions_do_not_touch_each_other(history: list[Event]) -> None:
    """Alone in a partition of their own, customers live the same life."""
    until = history[-1].at + 120 * DAY
    together = _whole(arrived(history), until)
    for customer in CUSTOMERS:
        log = arrived(event for event in history if event.customer == customer)
        if log:
            alone = _whole(log, until)
            key = customer.encode()
            assert alone.told()[key] == together.told()[key]
            mine, theirs = alone.profiles[customer], together.profiles[customer]
            assert mine.standings == theirs.standings
            assert (mine.counts, mine.due, mine.evaluated_at) == (
                theirs.counts,
                theirs.due,
                theirs.evaluated_at,
            )


@settings(max_examples=60, deadline=None)
@given(history=histories(most=15), data=st.data())
def test_a_record_that_is_read_again_changes_nothing(history: list[Event], data: st.DataObject) -> None:
    """Duplicates by offset: after a restart the log is read again from an earlier position."""
    log, until = arrived(history), history[-1].at + 120 * DAY
    whole = _whole(log, until)
    again = Partition(scoring(*BOTH))
    for run in data.draw(cuts(len(log))):
        again.fold(log[run])
        back = data.draw(st.integers(0, run.stop))
        if back < run.stop:
            (repeated,) = again.fold(log[back : run.stop])
            assert {outcome for _, outcome in repeated.outcomes} == {"duplicate"}
            assert not repeated.changed
            assert not repeated.outputs
    again.tick(until)
    assert again.told() == whole.told()
    assert again.settled() == whole.settled()


@settings(max_examples=60, deadline=None)
@given(history=histories(most=15), data=st.data())
def test_a_message_that_is_sent_again_changes_nothing(history: list[Event], data: st.DataObject) -> None:
    """Duplicates by messageId: the producer sends an event again, at another offset."""
    until = history[-1].at + 120 * DAY
    whole = _whole(arrived(history), until)
    doubled = list(history)
    for place in data.draw(st.lists(st.integers(0, len(history) - 1), max_size=6)):
        doubled.insert(
            data.draw(st.integers(doubled.index(history[place]) + 1, len(doubled))), history[place]
        )
    log = arrived(doubled)
    again = _played(log, data.draw(cuts(len(log))), until)
    outcomes = sum((effects.outcomes for effects in again.effects), Counter[tuple[int, str]]())
    assert sum(n for (_, outcome), n in outcomes.items() if outcome == "duplicate") == len(doubled) - len(
        history
    )
    assert again.told() == whole.told()
    mine, theirs = again.profiles, whole.profiles
    for customer, profile in mine.items():
        assert profile.counts == theirs[customer].counts
        assert profile.standings == theirs[customer].standings


@settings(max_examples=15, deadline=None)
@given(history=histories(names=EVERYTHING), data=st.data())
def test_the_cut_leaves_no_trace_in_any_preset(history: list[Event], data: st.DataObject) -> None:
    log, until = arrived(history), history[-1].at + 120 * DAY
    partitions = []
    for runs in ([slice(0, len(log))], data.draw(cuts(len(log)))):
        partition = Partition(Scoring(load_lifecycles(PRESETS), Policy()))
        for run in runs:
            partition.fold(log[run])
        partition.tick(until)
        partition.check_books()
        partitions.append(partition)
    whole, cut = partitions
    assert cut.told() == whole.told()
    assert cut.settled() == whole.settled()

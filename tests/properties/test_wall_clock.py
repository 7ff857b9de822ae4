"""Evaluated as of now: a backfill makes no storm, leaves nobody behind, and tells true instants."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from state import DAY, HOUR, SECOND, Event, format_instant
from tests.properties.histories import CUSTOMERS, cuts, histories
from tests.state.builders import START, build_event
from tests.stream_app.partitions import VISITS, Partition, arrived, scoring

#: Without memory (`leave`, `min_dwell`), so that the stage as of now is a matter of arithmetic.
PLAIN = """
name = "plain"
[[stage]]
name = "prospect"
[[stage]]
name = "customer"
enter = "orders >= 1"
[[stage]]
name = "loyal"
enter = "orders_60d >= 3"
[[stage]]
name = "lapsed"
enter = "orders >= 1 and days_since_last_order >= 90"
lost = true
"""
SILENCES = st.sampled_from([HOUR, 10 * DAY, 61 * DAY, 90 * DAY, 200 * DAY])


def _by_step(history: list[Event], now: int) -> Partition:
    partition = Partition(scoring(PLAIN))
    partition.fold(arrived(history))
    partition.tick(now)
    return partition


@settings(max_examples=60, deadline=None)
@given(history=histories(), silence=SILENCES, data=st.data())
def test_a_run_publishes_at_most_one_change_of_a_customer_in_a_lifecycle(
    history: list[Event], silence: int, data: st.DataObject
) -> None:
    log, now = arrived(history), history[-1].at + silence
    partition = Partition(scoring(PLAIN, VISITS), "wall")
    told: dict[tuple[str, str], str] = {}
    counted: Counter[tuple[str, str, str]] = Counter()
    for run in data.draw(cuts(len(log))):
        begin = len(partition.changes())
        partition.fold(log[run], now)
        new = partition.changes()[begin:]
        keys = [(change["customer_id"], change["lifecycle"]) for change in new]
        assert max(Counter(keys).values(), default=0) <= 1
        for key, change in zip(keys, new, strict=True):
            moved = told.get(key) != change["stage"]
            assert moved == (change["reason"] != "rescored")
            assert (change["reason"] == "entered") == (key not in told)
            if moved:  # whoever follows the changes can lay them end to end
                assert change["previous_stage"] == told.get(key)
                counted[change["lifecycle"], told.get(key, ""), change["stage"]] += 1
            told[key] = change["stage"]
        partition.check_books()
    for customer in CUSTOMERS:
        versions = [change["version"] for change in partition.changes(customer)]
        assert versions == sorted(set(versions))
    assert counted == sum((effects.moves for effects in partition.effects), Counter[tuple[str, str, str]]())


@settings(max_examples=60, deadline=None)
@given(history=histories(), silence=SILENCES, data=st.data())
def test_everybody_ends_where_a_step_by_step_evaluation_ends(
    history: list[Event], silence: int, data: st.DataObject
) -> None:
    """However the backfill was cut, and then as time goes by: nobody gets stuck."""
    log, now = arrived(history), history[-1].at + silence
    partition = Partition(scoring(PLAIN), "wall")
    for run in data.draw(cuts(len(log))):
        partition.fold(log[run], now)
    for later in (now, now + 30 * DAY, now + 100 * DAY):
        partition.tick(later)
        expected = _by_step(history, later).profiles
        for customer, profile in partition.profiles.items():
            assert profile.standings[0].stage == expected[customer].standings[0].stage
            assert profile.counts == expected[customer].counts
            assert profile.due > later
        told = {change["customer_id"]: change["stage"] for change in partition.changes()}
        stages = ("prospect", "customer", "loyal", "lapsed")
        assert told == {name: stages[each.standings[0].stage] for name, each in partition.profiles.items()}


@settings(max_examples=60, deadline=None)
@given(history=histories(), silence=SILENCES)
def test_what_silence_brought_about_carries_its_true_instant(history: list[Event], silence: int) -> None:
    now = history[-1].at + silence
    partition = Partition(scoring(PLAIN), "wall")
    partition.fold(arrived(history), now)
    expected = _by_step(history, now).profiles
    for customer, profile in partition.profiles.items():
        last_seen = max(event.at for event in history if event.customer == customer)
        since = expected[customer].standings[0].since
        if since > last_seen:
            assert profile.standings[0].since == since
            last = [change for change in partition.changes(customer) if change["reason"] != "rescored"][-1]
            assert (last["since"], last["event_time"]) == (format_instant(since),) * 2


@settings(max_examples=40, deadline=None)
@given(history=histories(active=False, most=8), data=st.data())
def test_a_mere_update_of_traits_makes_nobody_busy(history: list[Event], data: st.DataObject) -> None:
    for event in history:
        event.active = False
    log, now = arrived(history), history[-1].at + DAY
    partition = Partition(scoring(PLAIN), "wall")
    for run in data.draw(cuts(len(log))):
        partition.fold(log[run], now)
        partition.tick(now)
        assert not partition.engine.is_behind
    for profile in partition.profiles.values():
        assert profile.standings[0].stage == 0
        assert profile.counts[0] == 0


def test_live_events_are_applied_and_only_those_beyond_the_lateness_are_late() -> None:
    partition = Partition(scoring(PLAIN, lateness=HOUR), "wall")
    now = START + 10 * DAY
    partition.tick(now)
    log = arrived([
        build_event(at=now - 20 * SECOND, message=1 << 20),
        build_event(at=now - HOUR, message=2 << 20),
        build_event(at=now - HOUR - 1, message=3 << 20),
    ])  # fmt: skip
    (effects, *_) = partition.fold(log, now)
    assert dict(effects.outcomes) == {(2, "applied"): 2, (2, "late"): 1}

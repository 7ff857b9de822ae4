"""A stranger's lifecycle over purchases moves customers exactly when, and exactly as, arithmetic says."""

from hypothesis import assume, event, given, settings
from hypothesis import strategies as st

from scorers.definition import LifecycleError
from state import Event, format_instant
from tests.properties.histories import cuts
from tests.properties.stranger import DAY, Purchase, Scan, Stage, toml
from tests.state.builders import START, build_event
from tests.stream_app.partitions import Partition, arrived, scoring

_DAYS = st.sampled_from(["0", "0.5", "1", "10", "30", "45", "60", "90", "120"])
_COUNTS = st.integers(1, 4).map(str)
_MEASURES = ("orders", "revenue", "refunds", "events", "orders_48h", "orders_7d", "orders_30d", "orders_60d")
_AGES = ("days_since_last_order", "days_since_first_order", "days_since_last_event", "days_since_last_refund")
_MONEY = ("revenue", "revenue_30d", "revenue_14d", "avg_order_value")


def _comparison(names: tuple[str, ...], limits: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    signs = st.sampled_from([">=", ">", "<", "<="])
    return st.builds("{} {} {}".format, st.sampled_from(names), signs, limits)


_ATOMS = st.one_of(
    _comparison((*_MEASURES, "refunds_90d", "events_15d"), _COUNTS),
    _comparison((*_AGES, "order_gap_mean_days"), _DAYS),
    _comparison(_MONEY, st.sampled_from(["20", "50.5", "100"])),
    st.sampled_from(
        [
            "orders - refunds >= 2",
            "days_since_last_order > 2 * order_gap_mean_days",
            "orders_30d == 1",
            "orders != refunds_30d",
            "revenue_30d * 2 > revenue",
        ]
    ),
)
_CONDITIONS = st.one_of(
    _ATOMS,
    st.builds("{} and {}".format, _ATOMS, _ATOMS),
    st.builds("{} or {}".format, _ATOMS, _ATOMS),
    st.builds("orders >= 1 and not ({} or {})".format, _ATOMS, _ATOMS),
)
_LEAVES = st.one_of(st.just(""), st.just(""), _ATOMS, _comparison(("days_in_stage",), _DAYS))
_STAGES = st.builds(
    Stage,
    enter=_CONDITIONS,
    leave=_LEAVES,
    dwell=st.sampled_from([0, 0, 3, 20]),
    lost=st.sampled_from([False, False, True]),
)
_SILENCES = st.one_of(
    st.sampled_from([0, 1, DAY, 10 * DAY, 30 * DAY, 45 * DAY, 90 * DAY]),
    st.integers(0, 3 * DAY),
    st.integers(0, 100 * DAY),
    st.integers(0, 100).map(lambda days: days * DAY - START % DAY if days else 0),
)
_LIVES = st.lists(st.tuples(_SILENCES, st.integers(0, 6), st.integers(0, 4)), min_size=1, max_size=9)


def _purchases(life: list[tuple[int, int, int]]) -> list[Purchase]:
    at, purchases = START, []
    for silence, units, mood in life:
        at += max(silence, 0)
        purchases.append(Purchase(at, units * 12_500_000, refund=mood == 0))
    return purchases


def _events(purchases: list[Purchase], customer: str = "ann") -> list[Event]:
    names = {True: "Order Refunded", False: "Order Completed"}
    return [
        build_event(names[each.refund], each.at, amount=each.amount, message=number << 24, customer=customer)
        for number, each in enumerate(purchases, 1)
    ]


@settings(max_examples=250, deadline=None)
@given(stages=st.lists(_STAGES, min_size=1, max_size=4), life=_LIVES, data=st.data())
def test_every_move_happens_at_its_instant_for_its_reason_and_no_other_does(
    stages: list[Stage], life: list[tuple[int, int, int]], data: st.DataObject
) -> None:
    stages = [Stage(), *stages]
    purchases = _purchases(life)
    until = purchases[-1].at + 200 * DAY
    expected = Scan(stages)
    expected.run(purchases, until)
    try:
        strange = scoring(toml(stages))
    except LifecycleError:
        assume(False)
    partition = Partition(strange)
    log = arrived(_events(purchases))
    for run in data.draw(cuts(len(log))):
        partition.fold(log[run])
    partition.tick(until)
    found = [
        {"stage": move["stage"], "previous": move["previous_stage"], "reason": move["reason"]}
        | {"at": move["event_time"], "cycle": move["cycle"], "orders": move["orders"]}
        for move in partition.moves()
    ]
    assert found == [move | {"at": format_instant(move["at"])} for move in expected.moves]
    standing = partition.profiles["ann"].standings[0]
    told = (standing.stage, standing.previous, standing.since, standing.cycle)
    assert told == (expected.stage, expected.previous, expected.since, expected.cycle)
    for move in expected.moves[1:]:
        event(move["reason"])
    last = partition.changes()[-1]
    assert last["orders"] == sum(not each.refund for each in purchases)
    assert last["revenue"] == sum(each.amount for each in purchases if not each.refund) / 1e6
    assert last["refunds"] == sum(each.refund for each in purchases)
    assert last["since"] == format_instant(expected.since)

"""Questions to the models come on each customer's own schedule; answers come at their horizon and are true."""

from collections import Counter, defaultdict

from hypothesis import given, settings
from hypothesis import strategies as st
from xxhash import xxh3_64_intdigest

from state import DAY, Event, format_instant, parse_instant
from stream_app.schedule import is_drawn
from tests.properties.histories import CUSTOMERS, cuts, histories
from tests.state.builders import build_event
from tests.stream_app.partitions import Partition, arrived, scoring

EVERY = 7 * DAY
CHURN, NEXT, VALUE = 20 * DAY, 10 * DAY, 15 * DAY
ASKED = """
name = "asked"
[labels]
churn = "events"
horizon = "20d"
next_stage_horizon = "10d"
value_horizon = "15d"
[[stage]]
name = "away"
[[stage]]
name = "buying"
enter = "orders_7d >= 1"
[[stage]]
name = "silent"
enter = "days_since_last_event > 12"
"""


def _schedule(customer: str, begin: int, end: int) -> list[int]:
    phase = xxh3_64_intdigest(customer.encode()) % EVERY
    first = begin - (begin - phase) % EVERY + EVERY
    return list(range(first, end + 1, EVERY))


def _expected(customer: str, mine: list[Event], until: int) -> list[int]:
    """Schedule points at which somebody was seen within twice the horizon, and whose answers are due."""
    points = _schedule(customer, mine[0].at, until - CHURN)
    return [at for at in points if at <= max(event.at for event in mine if event.at <= at) + 2 * CHURN]


@settings(max_examples=80, deadline=None)
@given(history=histories(), data=st.data())
def test_every_question_of_the_schedule_is_answered_truly(history: list[Event], data: st.DataObject) -> None:
    partition = Partition(scoring(ASKED, ask_every=EVERY, max_pending=5))
    log, until = arrived(history), history[-1].at + 80 * DAY
    for run in data.draw(cuts(len(log))):
        partition.fold(log[run])
    partition.tick(until)
    found = defaultdict(list)
    identity = {}
    for example in partition.examples():
        key = next(
            customer
            for customer in CUSTOMERS
            if example["id"] == f"{xxh3_64_intdigest(_name(customer, example).encode()):016x}"
        )
        found[key].append(example)
        identity[example["id"]] = key
    assert len(identity) == len(partition.examples())
    for customer in CUSTOMERS:
        mine = [event for event in history if event.customer == customer]
        if not mine:
            assert not found[customer]
            continue
        asked = [parse_instant(example["asked_at"]) for example in found[customer]]
        assert asked == _expected(customer, mine, until)
        moves = [(parse_instant(each["event_time"]), each["stage"]) for each in partition.moves(customer)]
        for at, example in zip(asked, found[customer], strict=True):
            assert example["answered_at"] == format_instant(at + CHURN)
            churned = not any(at < event.at <= at + CHURN for event in mine)
            assert example.get("churned") == int(churned)
            spent = sum(event.amount for event in mine if event.kind.order and at < event.at <= at + VALUE)
            assert example.get("spent") == spent / 1e6
            stage = [stage for moved, stage in moves if moved <= at][-1]
            assert example["stage"] == stage
            following = [stage for moved, stage in moves if at < moved <= at + NEXT]
            assert example["next"] == (following[0] if following else stage)


def _name(customer: str, example: dict[str, str]) -> str:
    return f"{example['lifecycle']}/{parse_instant(example['asked_at'])}/{customer}"


@settings(max_examples=40, deadline=None)
@given(history=histories(most=10))
def test_no_answer_comes_before_its_horizon_and_none_after_it(history: list[Event]) -> None:
    partition = Partition(scoring(ASKED, ask_every=EVERY, max_pending=5))
    log = arrived(history)
    for record in log:
        begin = len(partition.examples())
        partition.tick(record.at - 1)
        partition.fold([record])
        for example in partition.examples()[begin:]:
            assert parse_instant(example["answered_at"]) <= record.at
    while (due := partition.engine.shelf.timers.next_due()) < log[-1].at + 60 * DAY:
        begin = len(partition.examples())
        partition.tick(due - 1)
        assert len(partition.examples()) == begin
        partition.tick(due)
        assert {each["answered_at"] for each in partition.examples()[begin:]} <= {format_instant(due)}


def test_of_those_who_cannot_churn_some_are_asked_where_they_go_next() -> None:
    partition = Partition(scoring(ASKED.replace('"events"', '"orders"'), ask_every=EVERY, max_pending=5))
    visitors = [f"visitor-{number}" for number in range(80)]
    start = parse_instant("2021-03-01T12:00:00Z")
    partition.fold(arrived([build_event("Product Viewed", start, customer=each) for each in visitors]))
    for day in range(1, 81):
        partition.tick(start + day * DAY)
        waiting = {len(profile.pending) for _, profile in partition.engine.profiles()}
        assert waiting <= {0, 1}, "one question at a time"

    asked = Counter(example["stage"] for example in partition.examples())
    for example in partition.examples():
        assert (example.get("churn_risk"), example.get("churned"), example["spent"]) == (None, None, 0.0)
        at = parse_instant(example["asked_at"])
        expected = "silent" if at < start + 12 * DAY < at + NEXT else example["stage"]
        assert example["next"] == expected
    assert 8 < sum(map(is_drawn, visitors)) < 35
    assert asked["away"] >= sum(map(is_drawn, visitors))


@settings(max_examples=30, deadline=None)
@given(history=histories(most=12), most=st.integers(1, 3))
def test_no_more_questions_wait_than_allowed(history: list[Event], most: int) -> None:
    partition = Partition(scoring(ASKED, ask_every=DAY, max_pending=most))
    for record in arrived(history):
        partition.fold([record])
        for profile in partition.profiles.values():
            assert max(Counter(each.lifecycle for each in profile.pending).values(), default=0) <= most

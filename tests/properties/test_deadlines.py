"""What a question says of silence is what silence brings: where to, when, and whether an order is what is waited for."""

from collections.abc import Iterator
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from xxhash import xxh3_64_intdigest

from scorers.deadline import HALVINGS
from state import DAY, Event, parse_instant
from tests.properties.histories import CUSTOMERS, cuts, histories
from tests.stream_app.partitions import Partition, arrived, scoring

EVERY, NEXT = 7 * DAY, 30 * DAY
FINEST = NEXT / 2**HALVINGS
RULES = """
name = "falling"
[labels]
horizon = "40d"
next_stage_horizon = "30d"
value_horizon = "30d"
[[stage]]
name = "away"
[[stage]]
name = "curious"
enter = "page_views_14d + product_views_14d >= 1"
min_dwell = "3d"
[[stage]]
name = "buying"
enter = "orders >= 1 and days_since_last_order <= 20"
leave = "days_since_last_order > 25 and days_since_last_event > 10"
[[stage]]
name = "regular"
enter = "orders_30d >= 2"
[[stage]]
name = "lost"
enter = "orders >= 1 and days_since_last_order > 60"
lost = true
"""


@settings(max_examples=150, deadline=None)
@given(history=histories(), data=st.data())
def test_whoever_is_silent_moves_as_the_question_said(history: list[Event], data: st.DataObject) -> None:
    partition = Partition(scoring(RULES, ask_every=EVERY, max_pending=9))
    log = arrived(history)
    for run in data.draw(cuts(len(log))):
        partition.fold(log[run])
    partition.tick(history[-1].at + 90 * DAY)
    for customer in CUSTOMERS:
        mine = [event.at for event in history if event.customer == customer]
        ordered = [event.at for event in history if event.customer == customer and event.kind.order]
        moves = [(parse_instant(each["event_time"]), each["stage"]) for each in partition.moves(customer)]
        for asked, example in _about(customer, partition.examples()):
            if any(asked < at <= asked + NEXT for at in mine):
                continue
            following = [(at, stage) for at, stage in moves if asked < at <= asked + NEXT]
            if not following:
                assert "deadline" not in example
                continue
            first = following[0][0]
            closing = max((at for at in ordered if at <= asked), default=0) + 20 * DAY
            if first <= closing < first + FINEST:
                continue  # "buying" closes before the grain of a deadline is over: whoever slips in is not foreseen
            late = example["deadline"] * DAY - (first - asked)
            assert example["deadline_stage"] in {stage for at, stage in following if at <= first + FINEST}
            assert -DAY / 1000 <= late <= FINEST + DAY / 1000  # days travel as 32 bits


def _about(customer: str, examples: list[dict[str, Any]]) -> Iterator[tuple[int, dict[str, Any]]]:
    """The examples about a customer, with the instant of the question."""
    for example in examples:
        asked = parse_instant(example["asked_at"])
        if example["id"] == f"{xxh3_64_intdigest(f'falling/{asked}/{customer}'.encode()):016x}":
            yield asked, example

"""The simulated touches: marked, reproducible, around unchanged real orders."""

from collections import Counter

import orjson
import pytest

from state.instants import DAY, HOUR
from stream_app.simulator import Order, simulate_touches, touches_of
from stream_app.sources import Record, topic_chooser
from tests.stream_app.datasets import EXCERPTS, KINDS, opened

TOPIC_OF = topic_chooser(KINDS)


@pytest.fixture(scope="module")
def orders() -> list[Record]:
    return list(opened(EXCERPTS / "online_retail_ii_first_400.csv", "online-retail").records)


@pytest.fixture(scope="module")
def stream(orders: list[Record]) -> list[Record]:
    return list(simulate_touches(orders, TOPIC_OF))


def is_simulated(record: Record) -> bool:
    return bool(orjson.loads(record.value).get("context", {}).get("simulated"))


def test_the_real_orders_are_unchanged(orders: list[Record], stream: list[Record]) -> None:
    assert [record for record in stream if not is_simulated(record)] == orders


def test_every_simulated_event_says_so_in_its_id_too(stream: list[Record]) -> None:
    ids = [orjson.loads(record.value)["messageId"] for record in stream if is_simulated(record)]

    assert ids
    assert all(message_id.startswith("simulated-") for message_id in ids)
    assert len(set(ids)) == len(ids)


def test_the_stream_is_in_order_and_within_the_source(orders: list[Record], stream: list[Record]) -> None:
    times = [record.at for record in stream]

    assert times == sorted(times)
    assert times[0] >= orders[0].at // DAY * DAY
    assert times[-1] == orders[-1].at


def test_the_same_seed_gives_the_same_bytes_and_another_one_does_not(
    orders: list[Record], stream: list[Record]
) -> None:
    assert list(simulate_touches(orders, TOPIC_OF)) == stream
    assert list(simulate_touches(orders, TOPIC_OF, seed=1)) != stream


def test_every_touch_counts_as_something_configured() -> None:
    history = [Order(n * 20 * DAY, is_return=n % 3 == 2) for n in range(1, 30)]
    touches = [touch for n in range(60) for touch in touches_of(f"c{n}", history, 0, 900 * DAY)]
    counted = Counter(
        KINDS.kind("page" if touch.event.startswith("/") else "track", touch.event).name for touch in touches
    )

    assert "unknown" not in counted
    assert {"email open", "ticket", "review", "share", "referral", "ad click", "unsubscribe"} <= set(counted)


def test_nobody_depends_on_who_else_is_simulated() -> None:
    history = [Order(10 * DAY, is_return=False)]

    assert touches_of("c1", history, 0, 90 * DAY) == touches_of("c1", history, 0, 90 * DAY)
    assert touches_of("c1", history, 0, 90 * DAY) != touches_of("c2", history, 0, 90 * DAY)


def test_those_who_never_come_back_browse_and_read_on_like_those_who_do() -> None:
    """The future must not show: up to some days before the next order, nothing tells the two groups apart."""
    end = 400 * DAY
    stays, leaves = Counter[bool](), Counter[bool]()
    for n in range(600):
        once = [Order(DAY, is_return=False)]
        again = [*once, Order(80 * DAY, is_return=False)]
        for history, seen in ((once, leaves), (again, stays)):
            touches = touches_of(f"{len(history)}-{n}", history, 0, end)
            seen[any(DAY + HOUR < touch.at < 60 * DAY for touch in touches)] += 1

    assert stays[True] / 600 == pytest.approx(leaves[True] / 600, abs=0.09)


def test_without_orders_there_is_nothing_to_simulate() -> None:
    assert list(simulate_touches([], TOPIC_OF)) == []

"""What the console remembers equals a plain count of the records, whatever comes twice."""

from collections import Counter
from pathlib import Path

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from state import format_instant
from stream_app.console.alerts_kept import keep_alerts
from stream_app.console.asked import Asked
from stream_app.console.flows import counts, flows, trend
from stream_app.console.forgetting import forget_old
from stream_app.console.history import DAY_US
from stream_app.console.store import Store
from tests.stream_app.console.shown import erased, fill, told

STAGES = ("awareness", "purchase", "churn")
moves = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from((*STAGES, "erased"))), max_size=25)


@settings(max_examples=25, deadline=None)
@given(moves=moves, cut=st.integers(0, 25))
def test_stage_counts_are_those_of_the_last_records_even_if_some_come_twice(
    tmp_path_factory: object, moves: list[tuple[str, str]], cut: int
) -> None:
    directory = tmp_path_factory.mktemp("store")  # type: ignore[attr-defined]
    records, last, version = [], dict[str, str](), Counter[str]()
    for customer, stage in moves:
        version[customer] += 1
        n = version[customer]
        before = last.get(customer) if last.get(customer) != "erased" else None
        records.append(
            erased(customer, n)
            if stage == "erased"
            else told(
                customer,
                n,
                stage,
                "2026-01-01",
                previous_stage=before,
                reason="advanced" if before else "entered",
            )
        )
        last[customer] = stage
    store = Store(directory / "h.sqlite")
    fill(store, records[:cut])
    fill(store, records)  # a crash before the offsets were kept: everything once more
    assert counts(store, "six-stage") == Counter(stage for stage in last.values() if stage != "erased")
    held = {
        row[0] for row in store.rows("SELECT DISTINCT customer FROM move UNION SELECT customer FROM standing")
    }
    assert held == {customer for customer, stage in last.items() if stage != "erased"}
    store.close()


def test_what_is_no_stage_change_is_passed_over(tmp_path: Path) -> None:
    store = Store(tmp_path / "h.sqlite")
    fill(
        store,
        [b"{}", b"no json", b"[1]", orjson.dumps({"customer_id": 5, "lifecycle": "six-stage", "version": 1})],
    )
    assert counts(store, "six-stage") == {}
    store.close()


def test_a_customer_whose_beginning_the_topic_has_forgotten_is_counted_nevertheless(tmp_path: Path) -> None:
    store = Store(tmp_path / "h.sqlite")
    fill(
        store,
        [
            told("a", 7, "churn", "2026-01-02", previous_stage="purchase", reason="lapsed"),
            told("b", 3, "purchase", "2026-01-02", reason="rescored"),
        ],
    )
    assert counts(store, "six-stage") == {"churn": 1, "purchase": 1}
    assert store.rows("SELECT from_stage, to_stage, reason FROM move") == [("purchase", "churn", "lapsed")]
    # Nobody is new: they are told of for the first time.
    moved = flows(store, Asked.of({}, ("six-stage",), store))
    assert [(flow.before, flow.after, flow.customers) for flow in moved] == [("purchase", "churn", 1)]
    store.close()


def test_old_moves_go_while_sums_and_what_stands_stay(tmp_path: Path) -> None:
    store = Store(tmp_path / "h.sqlite")
    moved = {"previous_stage": "awareness", "reason": "advanced"}
    fill(
        store,
        [
            told("a", 1, "awareness", "2025-01-01", reason="entered"),
            told("a", 2, "purchase", "2025-06-01", **moved),
            told("b", 1, "awareness", "2026-01-01", reason="entered"),
        ],
    )
    assert forget_old(store, -1) == 0
    assert forget_old(store, 250 * DAY_US) == 1
    assert store.rows("SELECT customer, version FROM move ORDER BY customer") == [("a", 2), ("b", 1)]
    assert counts(store, "six-stage") == {"awareness": 1, "purchase": 1}
    asked = Asked.of({}, ("six-stage",), store)
    assert sum(flow.customers for flow in flows(store, asked)) == 3
    days, over_time = trend(store, asked, ("awareness", "purchase"))
    assert (days[-1], over_time["awareness"][-1], over_time["purchase"][-1]) == ("2026-01-01", 1, 1)
    store.close()


@pytest.mark.parametrize(
    "wrong",
    [{"event_time": "yesterday"}, {"reason": None}, {"churn_risk": "high"}, {"revenue": "much"}],
    ids=str,
)
def test_a_record_that_others_wrote_stops_nothing(tmp_path: Path, wrong: dict[str, object]) -> None:
    store = Store(tmp_path / "h.sqlite")
    good = told("a", 1, "awareness", "2026-01-01", reason="entered")
    fill(store, [orjson.dumps({**orjson.loads(good), "customer_id": "b", **wrong}), good])
    assert counts(store, "six-stage") == {"awareness": 1}
    store.close()


def test_an_erasure_leaves_the_alert_about_a_customer_who_has_come_back(tmp_path: Path) -> None:
    store = Store(tmp_path / "h.sqlite")
    alerts = [_alert("a", 2), _alert("b", 2), _alert("b", 5)]
    with store.writing() as connection:  # both topics are read back, and that of alerts first
        keep_alerts(connection, alerts)
    fill(store, [erased("a", 3), erased("b", 3), told("b", 4, "awareness", "2026-01-02", reason="entered")])
    assert store.rows("SELECT customer, version FROM alert") == [("b", 5)]
    with store.writing() as connection:
        keep_alerts(connection, [_alert("b", 3, "erased")])
    assert store.rows("SELECT customer, version FROM alert") == [("b", 5)]
    store.close()


def test_an_alert_is_over_when_that_was_told_first(tmp_path: Path) -> None:
    store = Store(tmp_path / "h.sqlite")
    with store.writing() as connection:
        resolved = [_alert("a", 5, "resolved", event_time=f"2026-01-{day}T00:00:00Z") for day in ("03", "09")]
        keep_alerts(connection, [_alert("a", 4), *resolved])
    ((at,),) = store.rows("SELECT at FROM alert")
    assert format_instant(at) == "2026-01-03T00:00:00Z"
    store.close()


def _alert(customer: str, version: int, status: str = "raised", **more: str) -> bytes:
    body = {"customer_id": customer, "lifecycle": "six-stage", "version": version, "status": status}
    return orjson.dumps({**body, "raised_at": "2026-01-01T00:00:00Z", **more})

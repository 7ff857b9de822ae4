import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from state import (
    DAY,
    REASONS,
    Bounds,
    Kind,
    MeasureMap,
    Rejected,
    Wire,
    belonging,
    decode_event,
    modernize,
    parse_instant,
)
from tests.state.builders import CONFIG, KINDS

NOW = parse_instant("2026-11-22T14:10:17Z")
ORDER = {
    "messageId": "d6e0",
    "type": "track",
    "event": "Order Completed",
    "userId": "u1",
    "anonymousId": None,
    "timestamp": "2026-11-22T14:10:16.735+00:00",
    "properties": {
        "order_id": "o1",
        "total": 27.5,
        "revenue": 22.5,
        "products": [{"price": 19, "quantity": 1}],
    },
    "context": {"library": {"name": "analytics-python"}},
    "integrations": {},
}


def record(**changes: Any) -> bytes:
    """An order event with some fields changed; None takes a field away."""
    return json.dumps(
        {key: value for key, value in {**ORDER, **changes}.items() if value is not None}
    ).encode()


def read(value: bytes | None, headers: Any = None, kinds: MeasureMap = KINDS) -> Any:
    return decode_event(value, headers, kinds, Bounds(), NOW)


def refusal(value: bytes | None, headers: Any = None) -> Rejected:
    with pytest.raises(Rejected) as caught:
        read(value, headers)
    assert caught.value.reason in REASONS
    assert caught.value.sentence.endswith(".")
    return caught.value


def amount(kinds: MeasureMap = KINDS, **properties: Any) -> int:
    amount: int = read(record(properties=properties), kinds=kinds).amount
    return amount


def test_a_segment_event_gives_the_facts_of_the_fold() -> None:
    event = read(record())
    assert (event.customer, event.kind.name, event.amount, event.active) == ("u1", "order", 22_500_000, True)
    assert event.at == parse_instant("2026-11-22T14:10:16.735Z")


def test_the_same_message_id_is_the_same_message_whatever_else_changed() -> None:
    assert read(record()).message == read(record(timestamp="2026-11-22T14:10:17Z")).message
    assert read(record()).message != read(record(messageId="d6e1")).message


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "null_value"),
        (b"", "invalid_json"),
        (b"{", "invalid_json"),
        (b"\xff\xfe", "invalid_json"),
        (b'{"event": "\xff"}', "invalid_json"),
        (b'{"properties": {"value": ' + b"[" * 100_000 + b"}}", "invalid_json"),
        (b"[]", "wrong_type"),
        (b"7", "wrong_type"),
        (record(event=7), "wrong_type"),
        (record(userId={"id": 1}), "wrong_type"),
        (record(userId=True), "wrong_type"),
        (record(properties="none"), "wrong_type"),
        (record(type=None), "wrong_type"),
        (record(type="delete"), "wrong_type"),
        (record(event=None), "wrong_type"),
        (record(messageId=None), "missing_message_id"),
        (record(messageId=""), "missing_message_id"),
        (record(userId=None), "missing_id"),
        (record(userId="undefined", anonymousId=" NULL "), "missing_id"),
        (record(timestamp=None), "missing_timestamp"),
        (record(timestamp=""), "missing_timestamp"),
        (record(timestamp="yesterday"), "bad_timestamp"),
        (record(timestamp="2026-13-01T00:00:00Z"), "bad_timestamp"),
        (record(timestamp="2099-01-01T00:00:00Z"), "future_timestamp"),
        (record(timestamp=10**30), "future_timestamp"),
        (record(timestamp="1970-01-01T00:00:00Z"), "ancient_timestamp"),
        (record(timestamp=0), "ancient_timestamp"),
        (record(timestamp=-(10**30)), "ancient_timestamp"),
        (record(properties={"revenue": -1}), "bad_amount"),
        (record(properties={"revenue": "NaN"}), "bad_amount"),
        (record(properties={"revenue": "inf"}), "bad_amount"),
        (record(properties={"revenue": "a lot"}), "bad_amount"),
        (record(properties={"revenue": True}), "bad_amount"),
        (record(properties={"revenue": [1]}), "bad_amount"),
        (record(properties={"revenue": 2e12}), "bad_amount"),
        (record(properties={"revenue": 10**400}), "bad_amount"),
        (record(properties={"products": "many"}), "bad_amount"),
        (record(properties={"products": [{"price": "x"}]}), "bad_amount"),
        (record(properties={"products": [{"price": 1e308, "quantity": 1e308}]}), "bad_amount"),
        (record(properties={"revenue": float("nan")}), "bad_amount"),
        (record(properties={"revenue": float("inf")}), "bad_amount"),
        (record(properties={"revenue": float("-inf")}), "bad_amount"),
        (record().replace(b"22.5", b"1e999"), "bad_amount"),
        (record(padding="x" * (5 << 20)), "too_large"),
        (record(userId="x" * 600), "too_large"),
    ],
)
def test_what_cannot_be_folded_is_rejected_with_its_reason(value: bytes | None, reason: str) -> None:
    assert refusal(value).reason == reason


@given(
    st.binary(max_size=200)
    | st.recursive(st.none() | st.floats() | st.text(), st.lists).map(lambda v: json.dumps(v).encode())
)
def test_no_bytes_whatever_raise_anything_but_a_rejection(value: bytes) -> None:
    refusal(value)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(
    st.dictionaries(st.sampled_from([*ORDER, "specversion", "id", "data", "user_id", "action"]), ANYTHING),
    ANYTHING,
)
def test_no_field_of_any_type_raises_anything_but_a_rejection(changes: dict[str, Any], revenue: Any) -> None:
    value = json.dumps({**ORDER, "properties": {"revenue": revenue}, **changes}).encode()
    try:
        outcome = read(value).kind.name
    except Rejected as rejected:
        outcome = rejected.reason
    assert outcome in REASONS or outcome in {kind.name for kind in (KINDS.unknown, *KINDS.names().values())}


def test_a_number_of_seconds_is_told_from_an_old_event() -> None:
    assert "looks like seconds" in refusal(record(timestamp=1_795_356_616)).sentence


def test_the_future_begins_one_day_after_arrival() -> None:
    assert read(record(timestamp=(NOW + DAY) // 1000)).at == NOW + DAY
    assert refusal(record(timestamp=(NOW + DAY) // 1000 + 1)).reason == "future_timestamp"


def test_the_anonymous_id_stands_in_for_a_user_id_that_identifies_nobody() -> None:
    assert read(record(userId="undefined", anonymousId="a-7")).customer == "a-7"
    assert read(record(userId=None, anonymousId="a-7")).customer == "a-7"


def test_numeric_ids_are_their_digits() -> None:
    assert read(record(userId=4711)).customer == "4711"
    assert refusal(record(userId=0)).reason == "missing_id"


def test_amounts_are_revenue_else_total_else_value_else_the_products() -> None:
    assert amount(revenue=1, total=2, value=3) == 1_000_000
    assert amount(revenue=None, total="2.10", value=3) == 2_100_000
    assert amount(revenue="", value=0) == 0
    assert amount(products=[{"price": 1.1, "quantity": 3}, {"price": "2"}, {"quantity": 4}]) == 5_300_000
    assert amount() == 0


def test_amounts_are_exact_to_the_micro_unit() -> None:
    assert amount(revenue=0.1) + amount(revenue=0.2) == amount(revenue=0.3)


def test_an_amount_of_a_kind_without_one_is_not_even_looked_at() -> None:
    assert read(record(event="Product Viewed", properties={"value": "much"})).amount == 0


def test_currencies_are_converted_by_the_table_and_refused_outside_it() -> None:
    kinds = MeasureMap.parse(CONFIG.read_text(encoding="utf-8") + "\n[rates]\nEUR = 1.1\n")
    assert amount(kinds, revenue=10, currency="eur") == 11_000_000
    assert amount(kinds, revenue=10) == 10_000_000
    with pytest.raises(Rejected, match="XXX"):
        amount(kinds, revenue=10, currency="XXX")
    assert amount(revenue=10, currency="XXX") == 10_000_000


def test_an_update_of_traits_that_is_no_activity_is_marked() -> None:
    assert read(record(type="identify", event=None, context={"active": False})).active is False
    assert read(record(context={"active": True})).active is True


def test_pages_count_by_their_type_and_unknown_names_as_events_only() -> None:
    assert read(record(type="page", event=None)).kind.name == "page view"
    assert read(record(event="Sofa Inspected")).kind is KINDS.unknown
    assert read(record(type="group", event=None)).kind is KINDS.unknown


def test_older_spellings_of_the_documentation_are_understood() -> None:
    legacy = record(type=None, userId=None, messageId=None, action="track", user_id="u9", message_id="m9")
    assert read(legacy).customer == "u9"


def test_empty_objects_as_php_writes_them_are_accepted() -> None:
    assert read(record(properties=[], context=[])).amount == 0


def call(kind: str, **ids: Any) -> Any:
    body = {"messageId": "m1", "type": kind, "timestamp": "2026-11-22T14:10:16Z", **ids}
    return read(json.dumps(body).encode())


def test_identify_and_alias_link_two_ids_and_nothing_else_does() -> None:
    known = call("identify", userId="u1", anonymousId="a1")
    assert (known.customer, known.link, known.anonymous) == ("u1", "a1", False)
    assert call("alias", userId="u1", previousId="a1", anonymousId="a2").link == "a1"
    assert call("alias", user_id="u1", previous_id=17).link == "17"
    for kind in ("page", "screen", "group"):
        assert call(kind, userId="u1", anonymousId="a1").link == ""
    assert call("track", event="Never Heard Of", userId="u1", anonymousId="a1").link == ""


@pytest.mark.parametrize("junk", ["", "null", " Undefined ", "0", "anonymous", "u1", "x" * 600])
def test_junk_and_oneself_are_linked_to_nobody(junk: str) -> None:
    assert call("identify", userId="u1", anonymousId=junk).link == ""
    assert call("alias", userId="u1", previousId=junk).link == ""


def test_whoever_has_no_user_id_is_anonymous_and_links_nobody() -> None:
    for ids in ({"anonymousId": "a1"}, {"anonymousId": "a1", "userId": "null"}):
        event = call("identify", **ids, previousId="a2")
        assert (event.customer, event.anonymous, event.link) == ("a1", True, "")
    assert not call("page", userId=17).anonymous


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"userId": None, "anonymousId": "a1"},
        {"userId": "anonymous"},
        {"userId": "u" * 600},
        {"messageId": ""},
        {"type": "identify", "event": None},
        {"type": "track", "event": None},
        {"type": "sing"},
        {"timestamp": "1970-01-01T00:00:00Z"},
        {"timestamp": "2031-01-01T00:00:00Z"},
        {"properties": {"revenue": -1}},
        {"properties": []},
    ],
)
def test_who_passes_events_on_accepts_exactly_what_the_fold_accepts(changes: dict[str, Any]) -> None:
    value = record(**changes)
    wire = msgspec.json.decode(value, type=Wire)
    modernize(wire)
    at = parse_instant(str(wire.timestamp))

    def outcome(judged: Callable[[], tuple[str, Kind]]) -> Any:
        try:
            return judged()
        except Rejected as rejected:
            return rejected.reason

    def folded() -> tuple[str, Kind]:
        event = read(value)
        return event.customer, event.kind

    assert outcome(lambda: belonging(wire, at, KINDS, Bounds(), NOW)) == outcome(folded)

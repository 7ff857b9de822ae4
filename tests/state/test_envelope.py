import base64
import json
from typing import Any

import pytest

from state import parse_instant
from tests.state.test_events import ORDER, read, record, refusal

BINARY = [
    ("ce_id", b"e1"),
    ("ce_source", b"/shop/web"),
    ("ce_type", b"com.example.product.viewed"),
    ("ce_specversion", b"1.0"),
    ("ce_partitionkey", b"u1"),
    ("ce_time", b"2026-11-22T14:10:16Z"),
    ("content-type", b"application/json"),
]
STRUCTURED = {
    "id": "e1",
    "source": "/shop/web",
    "type": "com.example.product.viewed",
    "specversion": "1.0",
    "datacontenttype": "application/json",
    "partitionkey": "u1",
    "time": "2026-11-22T14:10:16Z",
    "data": {"product_id": "p1"},
}
HEADERS = [("Content-Type", b"application/cloudevents+json; charset=UTF-8")]


def structured(**changes: Any) -> bytes:
    return json.dumps(
        {key: value for key, value in {**STRUCTURED, **changes}.items() if value is not None}
    ).encode()


def test_binary_mode_takes_from_the_headers_what_the_payload_does_not_say() -> None:
    event = read(b'{"product_id":"p1"}', BINARY)
    assert (event.customer, event.kind.name) == ("u1", "product view")
    assert event.at == parse_instant("2026-11-22T14:10:16Z")


def test_binary_mode_without_data_is_an_event_of_its_attributes() -> None:
    assert read(None, BINARY).kind.name == "product view"


def test_the_payloads_own_fields_win() -> None:
    event = read(record(), BINARY)
    assert (event.kind.name, event.message) == ("order", read(record()).message)


@pytest.mark.parametrize("headers", [HEADERS, dict(HEADERS), None])
def test_structured_mode_is_told_by_its_header_or_by_its_own_fields(headers: Any) -> None:
    event = read(structured(), headers)
    assert (event.customer, event.kind.name) == ("u1", "product view")
    assert event.message == read(None, BINARY).message


def test_two_sources_may_give_two_events_the_same_id() -> None:
    web, app = (read(structured(source=source), HEADERS).message for source in ("/shop/web", "/shop/app"))
    assert web != app
    headers = {**dict(BINARY), "ce_source": b"/shop/app"}
    assert (read(None, BINARY).message, read(None, headers).message) == (web, app)


def test_an_event_without_a_source_is_told_by_its_id() -> None:
    without = read(structured(source=None), HEADERS)
    assert without.message == read(record(messageId="e1")).message
    assert without.message == read(None, [each for each in BINARY if each[0] != "ce_source"]).message


def test_a_segment_event_inside_an_envelope_is_read_as_it_is() -> None:
    assert read(structured(data=ORDER), HEADERS).amount == 22_500_000
    encoded = base64.b64encode(json.dumps(ORDER).encode()).decode()
    assert read(structured(data=None, data_base64=encoded), HEADERS).amount == 22_500_000


def test_an_envelope_without_data_is_an_event_of_its_attributes() -> None:
    assert read(structured(data=None), HEADERS).customer == "u1"
    assert read(b'{"specversion":"1.0","id":"e1","type":"order.completed","time":"2026-11-22T14:10:16Z",'
                b'"partitionkey":"u1","data":null}').kind.name == "order"  # fmt: skip


@pytest.mark.parametrize(
    ("value", "headers", "reason"),
    [
        (structured(specversion="2.0"), HEADERS, "bad_envelope"),
        (structured(specversion=1), HEADERS, "bad_envelope"),
        (structured(datacontenttype="text/xml"), HEADERS, "bad_envelope"),
        (structured(data=None, data_base64="*"), HEADERS, "bad_envelope"),
        (structured(type=None), HEADERS, "bad_envelope"),
        (b"[]", [("content-type", b"application/cloudevents-batch+json")], "bad_envelope"),
        (b"{}", [("ce_specversion", b"0.1"), ("ce_id", b"e1")], "bad_envelope"),
        (b"<a/>", [*BINARY[:-1], ("content-type", b"text/xml")], "bad_envelope"),
        (b"{", HEADERS, "invalid_json"),
        (b'{"x": ' + b"[" * 100_000, HEADERS, "invalid_json"),
        (None, HEADERS, "null_value"),
        (structured(id=None), HEADERS, "missing_message_id"),
        (structured(time=None), HEADERS, "missing_timestamp"),
        (structured(partitionkey=None), HEADERS, "missing_id"),
        (structured(data=[1]), HEADERS, "wrong_type"),
    ],
)
def test_an_envelope_that_cannot_be_opened_is_rejected(
    value: bytes | None, headers: Any, reason: str
) -> None:
    assert refusal(value, headers).reason == reason


def test_other_headers_are_no_envelope() -> None:
    assert read(record(), [("traceparent", b"00-1"), ("empty", None)]).customer == "u1"

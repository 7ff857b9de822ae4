"""CloudEvents: however an event comes, over HTTP or on Kafka, it is the same event and counts once."""

from typing import Any
from urllib.parse import quote

import orjson

from state import Bounds, decode_event
from stream_app.gateway.clock_skew import Arrival
from stream_app.gateway.envelopes import events_of, record_of
from tests.stream_app.gateway.test_intake import INTAKE, KINDS, NOW

ATTRIBUTES = {
    "specversion": "1.0", "id": "1", "source": "/shop/münchen", "type": "com.example.product.viewed",
    "time": "2026-11-22T14:10:16Z", "partitionkey": "u1",
}  # fmt: skip
DATA: dict[str, Any] = {"product_id": "p1"}
KIND = "content-type"


def identity(value: bytes, headers: Any) -> int:
    """What tells a duplicate."""
    return decode_event(value, headers, KINDS, Bounds(), NOW).message


def over_http(headers: dict[str, str], body: Any) -> int:
    (raw,) = events_of(headers, orjson.dumps(body))
    made = record_of(raw, Arrival(NOW), INTAKE)
    return identity(made.value, made.headers)


def in_every_mode(attributes: dict[str, str], data: dict[str, Any]) -> set[int]:
    whole = {**attributes, "data": data}
    kafka = [(f"ce_{name}", text.encode()) for name, text in attributes.items()]
    return {
        over_http({KIND: "application/cloudevents+json"}, whole),
        over_http({KIND: "application/cloudevents-batch+json"}, [whole]),
        over_http({f"ce-{name}": quote(text) for name, text in attributes.items()}, data),
        identity(orjson.dumps(whole), [(KIND, b"application/cloudevents+json")]),
        identity(orjson.dumps(data), [*kafka, (KIND, b"application/json")]),
    }


def test_an_event_is_told_by_its_source_and_its_id_in_every_mode() -> None:
    (one,) = in_every_mode(ATTRIBUTES, DATA)
    (elsewhere,) = in_every_mode({**ATTRIBUTES, "source": "/shop/köln"}, DATA)
    (next_one,) = in_every_mode({**ATTRIBUTES, "id": "2"}, DATA)

    assert len({one, elsewhere, next_one}) == 3


def test_a_message_id_of_the_payload_comes_first_in_every_mode() -> None:
    named = {**DATA, "messageId": "m1"}

    assert in_every_mode(ATTRIBUTES, named) == in_every_mode({**ATTRIBUTES, "source": "/app"}, named)
    assert len(in_every_mode(ATTRIBUTES, named)) == 1

"""A batch judged at once says what its events say one by one, or says nothing."""

import re
from itertools import cycle
from typing import Any

import msgspec
import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from state import Bounds, parse_instant
from stream_app.gateway.clock_skew import Arrival
from stream_app.gateway.record import Outgoing
from stream_app.gateway.usual import read_usual
from tests.stream_app.gateway.test_intake import EVENTS, INTAKE, NOW


class _Texts(msgspec.Struct):
    batch: list[msgspec.Raw]


SENT_AT = "2026-11-22T14:10:17.235708+00:00"


def event(**changed: Any) -> dict[str, Any]:
    """A usual event with some fields changed; a field that is changed to None is left out."""
    usual = {
        "type": "track",
        "userId": "u1",
        "anonymousId": None,
        "event": "Order Completed",
        "messageId": "m1",
        "timestamp": "2026-11-22T14:10:16.735+00:00",
        "properties": {"revenue": 22.5, "products": [{"price": 19, "quantity": 1}]},
        "context": {"library": {"name": "analytics-python"}},
        "integrations": {},
    }
    return {
        name: value for name, value in (usual | changed).items() if name not in changed or value is not None
    }


def at_once(
    events: list[dict[str, Any]], sent_at: str | None = SENT_AT, **about: Any
) -> list[Outgoing] | None:
    return judged(orjson.dumps({"batch": events, "sentAt": sent_at, "writeKey": "k", **about}))


def judged(body: bytes) -> list[Outgoing] | None:
    usual = read_usual(body)
    load = None if usual is None else INTAKE.take_all(body, usual, Arrival(NOW, usual.sentAt))
    if load is None:
        return None
    assert load.size >= sum(len(bytes(value)) for value in load.values)
    columns = zip(load.topics, load.keys, map(bytes, load.values), load.headers, strict=True)
    return [Outgoing(*each) for each in columns]


def facts(record: Outgoing) -> tuple[str, bytes, dict[str, Any]]:
    stored = orjson.loads(record.value)
    assert record.value.count(b'"receivedAt":"') == 1
    return record.topic, record.key, stored | {"timestamp": parse_instant(stored["timestamp"])}


@given(st.lists(EVENTS, min_size=1, max_size=3), st.sampled_from([None, SENT_AT, "soon"]), st.booleans())
def test_what_is_said_at_once_is_what_is_said_one_by_one(
    events: list[dict[str, Any]], sent_at: str | None, usual: bool
) -> None:
    if usual:
        unusual = ("originalTimestamp", "sentAt", "writeKey", "extra")
        times = {"timestamp": "2026-11-22T15:10:16.735+01:00"}
        events = [{name: each[name] for name in each if name not in unusual} | times for each in events]
    records = at_once(events, sent_at)
    if records is None:
        return
    arrival = Arrival(NOW, sent_at)
    one_by_one = [INTAKE.take(orjson.dumps(each), arrival) for each in events]
    assert [facts(each) for each in records] == [facts(each) for each in one_by_one]


SPELLINGS = [
    b'"timestamp":',
    b'"timestamp" :',
    b'"timestamp"\n: ',
    b'"timest\\u0061mp":',
    b'"timest\\u0061mp" :',
]


@given(
    st.lists(
        EVENTS.map(lambda each: each | {"timestamp": "2026-11-22T15:10:16.735+01:00"}), min_size=1, max_size=3
    ),
    st.lists(st.sampled_from(SPELLINGS), min_size=1, max_size=6),
)
@example([event(context={"timestamp": "x"})], [SPELLINGS[1], SPELLINGS[0]])
@example([event(context={"timestamp": "x"})], [SPELLINGS[3], SPELLINGS[0]])
@example([event(properties={"at": {"timestamp": 7}}), event(event="timestamp")], [SPELLINGS[2], SPELLINGS[0]])
@example([event(amount=2**70, ratio=1e-300, name="\U0001f600 \u2028", deep=[[{"a": [{}]}]] * 9)], SPELLINGS)
def test_however_the_time_is_spelled_the_same_is_written(
    events: list[dict[str, Any]], spellings: list[bytes]
) -> None:
    spelled = cycle(spellings)
    plain = msgspec.json.encode({"batch": events, "sentAt": SENT_AT})
    body = re.sub(rb'"timestamp":', lambda _: next(spelled), plain)
    arrival = Arrival(NOW, SENT_AT)
    expected = [facts(INTAKE.take(msgspec.json.encode(each), arrival)) for each in events]

    texts = msgspec.json.decode(body, type=_Texts).batch
    assert [facts(INTAKE.take(bytes(each), arrival)) for each in texts] == expected
    records = judged(body)
    assert records is None or [facts(each) for each in records] == expected


@pytest.mark.parametrize(
    "batch",
    [
        [event()],
        [event(), event(messageId="m2", type="page", event=None), event(userId=None, anonymousId="a1")],
        [event(timestamp="2026-11-22T14:10:16Z"), event(timestamp="2026-11-22T15:10:16.735128+01:00")],
        [event(properties=[], context=[]), event(event="Ärger")],
        [event(event=f"Step {number}", messageId=str(number)) for number in range(200)],
    ],
)
def test_what_servers_send_in_volume_is_judged_at_once(batch: list[dict[str, Any]]) -> None:
    records = at_once(batch)

    assert records is not None
    assert [orjson.loads(each.value)["messageId"] for each in records] == [
        each["messageId"] for each in batch
    ]


@pytest.mark.parametrize(
    "odd",
    [
        event(messageId=None),
        event(messageId=""),
        event(messageId=7),
        event(type=None),
        event(type="sing"),
        event(event=None),
        event(userId="undefined"),
        event(userId=None),
        event(userId="u" * 600),
        event(timestamp=None),
        event(timestamp="soon"),
        event(timestamp="2026-11-22T14:10:16"),
        event(timestamp=1795356616735),
        event(timestamp="1969-11-22T14:10:16Z"),
        event(timestamp="9999-12-31T23:59:59.999-12:00"),
        event(timestamp="2027-11-22T14:10:16Z"),
        event(sentAt="2026-11-22T14:10:17Z"),
        event(originalTimestamp="2026-11-22T14:10:17Z"),
        event(writeKey="k"),
        event(userId=None, anonymousId="a1", user_id="u1"),
        event(userId=None, anonymous_id="a1"),
        event(message_id="m2"),
        event(action="page"),
        event(type="alias", previous_id="a1"),
        event(properties="none"),
        event(properties={"revenue": -1}),
        event(properties={"timestamp": "2026-11-22T14:10:17Z"}),
        event(context=7),
        event(note="x" * (1 << 20)),
    ],
)
def test_with_an_odd_one_among_them_each_is_looked_at(odd: dict[str, Any]) -> None:
    assert at_once([event(), odd]) is None


def test_what_becomes_too_large_by_what_is_added_is_looked_at() -> None:
    (stored,) = at_once([event(note="")]) or []
    room = Bounds().max_bytes - len(stored.value)

    assert at_once([event(note="x" * room)]) is not None
    assert at_once([event(note="x" * (room + 1))]) is None


def test_fields_whose_names_are_written_with_escapes_are_looked_at_one_by_one() -> None:
    plain = orjson.dumps({"batch": [event(properties={"timestamp": "x"}), event()]})
    first, found, rest = plain.rpartition(b'"timestamp"')
    body = first + found.replace(b"m", b"\\u006d") + rest

    usual = read_usual(body)

    assert usual is not None
    assert INTAKE.take_all(body, usual, Arrival(NOW)) is None


def test_a_context_of_the_whole_batch_is_merged_into_each() -> None:
    assert at_once([event()], context={"ip": "192.0.2.1"}) is None


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"batch":[]}', b'{"batch":[7]}', b'{"batch":[{"type":"\xff"}]}']
)
def test_anything_else_is_not_read(body: bytes) -> None:
    assert read_usual(body) is None

"""One event: what the gateway writes is what the worker reads, whether it was patched or written anew."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from state import Bounds, Rejected, decode_event, parse_instant
from stream_app.event_names import load_measures
from stream_app.gateway.clock_skew import Arrival, text_of
from stream_app.gateway.intake import Intake, Shared
from stream_app.settings import Events, Settings

NOW = 1_795_356_617_000_000
KINDS = load_measures(Settings())
INTAKE = Intake(KINDS, Events())
WORDS = st.text(max_size=8)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | WORDS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(WORDS | st.sampled_from(["timestamp", "sentAt", "writeKey"]), inner, max_size=3)
    ),
    max_leaves=8,
)
EVENTS = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["track", "page", "identify"]),
        "event": st.sampled_from(["Order Completed", "Email Opened", "timestamp", "ü"]),
        "messageId": st.uuids().map(str),
        "userId": st.sampled_from(["u1", "ü", "timestamp"]),
    },
    optional={
        "timestamp": st.sampled_from(
            ["2026-11-22T14:10:16.735+00:00", "2026-11-22T14:10:16Z", 1795356616735]
        ),
        "originalTimestamp": st.just("2026-11-22T14:10:16Z"),
        "sentAt": st.sampled_from(["2026-11-22T14:10:17Z", "nonsense", ""]),
        "writeKey": st.just("secret-key"),
        "properties": st.dictionaries(WORDS | st.just("timestamp"), JSON, max_size=3),
        "context": st.dictionaries(WORDS, JSON, max_size=3),
        "extra": JSON,
    },
)


@given(
    EVENTS,
    st.sampled_from([None, "2026-11-22T14:10:17Z", "2031-01-01T00:00:00Z"]),
    st.booleans(),
    st.booleans(),
)
def test_what_is_written_is_one_json_object_that_the_worker_reads_as_the_same_event(
    event: dict[str, Any], sent_at: str | None, pretty: bool, merged: bool
) -> None:
    raw = orjson.dumps(event, option=orjson.OPT_INDENT_2 if pretty else None)
    arrival = Arrival(NOW, sent_at)
    try:
        made = INTAKE.take(raw, arrival, "", Shared({"ip": "192.0.2.1"}, 18) if merged else None)
    except Rejected as rejected:
        expected_reasons = {"future_timestamp", "ancient_timestamp", "bad_amount"}
        if rejected.reason not in expected_reasons:
            raise
        return
    stored = orjson.loads(made.value)
    read = decode_event(made.value, None, KINDS, Bounds(), NOW)

    original = event.get("originalTimestamp", event.get("timestamp"))
    own = event.get("sentAt")
    skew = arrival.skew if own is None else arrival.skew_of(own)
    expected = NOW if original is None else parse_instant(original) + skew
    assert read.at == expected
    assert (made.key.decode(), made.topic) == (read.customer, read.kind.topic)
    assert stored["timestamp"] == text_of(expected)
    assert stored.get("originalTimestamp") == original
    assert stored["receivedAt"] == text_of(NOW)
    assert "writeKey" not in stored
    for name in ("type", "event", "messageId", "userId", "properties", "extra"):
        assert stored.get(name) == event.get(name)
    # Written once: no name stands there twice.
    assert made.value.count(b'"receivedAt"') - orjson.dumps(event).count(b'"receivedAt"') == 1


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"7", "wrong_type"),
        (b"[]", "wrong_type"),
        (b'{"type":"track","event":"X","messageId":"m"}', "missing_id"),
        (b'{"type":"sing","userId":"u","messageId":"m"}', "wrong_type"),
        (b'{"type":"track","userId":"u","messageId":"m"}', "wrong_type"),
        (b'{"type":"page","userId":"u","messageId":"m","timestamp":"soon"}', "bad_timestamp"),
        (
            b'{"type":"page","userId":"u","messageId":"m","timestamp":"2031-01-01T00:00:00Z"}',
            "future_timestamp",
        ),
        (b'{"type":"page","userId":"u","messageId":"m","timestamp":1e300}', "bad_timestamp"),
        (
            b'{"type":"track","event":"Order Completed","userId":"u","messageId":"m","properties":{"revenue":NaN}}',
            "bad_amount",
        ),
        (b'{"type":"page","userId":"' + b"u" * 600 + b'","messageId":"m"}', "too_large"),
        (b'{"type":"page","userId":"u","messageId":"m","x":"' + b"x" * (1 << 20) + b'"}', "too_large"),
    ],
)
def test_what_the_worker_would_refuse_is_refused_at_the_door(raw: bytes, reason: str) -> None:
    with pytest.raises(Rejected) as refused:
        INTAKE.take(raw, Arrival(NOW))

    assert refused.value.reason == reason


LARGEST = Bounds().max_bytes


def padded(size: int, **fields: Any) -> bytes:
    """An event of just this size."""
    event = {"type": "page", "userId": "u", "messageId": "m", "x": "", **fields}
    return orjson.dumps(event | {"x": "x" * (size - len(orjson.dumps(event)))})


@pytest.mark.parametrize("fields", [{}, {"timestamp": "2026-11-22T14:10:16Z"}, {"writeKey": "k"}])
def test_an_event_may_be_as_large_as_the_worker_takes_with_all_that_is_added(fields: dict[str, Any]) -> None:
    arrival = Arrival(NOW)
    added = len(INTAKE.take(padded(1000, **fields), arrival).value) - 1000

    assert len(INTAKE.take(padded(LARGEST - added, **fields), arrival).value) == LARGEST
    with pytest.raises(Rejected) as refused:
        INTAKE.take(padded(LARGEST - added + 1, **fields), arrival)
    assert refused.value.reason == "too_large"


def test_an_event_is_too_large_with_the_context_of_its_batch() -> None:
    shared = Shared({"note": "y" * 600_000}, 600_011)

    assert len(INTAKE.take(padded(400_000), Arrival(NOW), "", shared).value) > 1_000_000
    with pytest.raises(Rejected) as refused:
        INTAKE.take(padded(600_000), Arrival(NOW), "", shared)
    assert refused.value.reason == "too_large"

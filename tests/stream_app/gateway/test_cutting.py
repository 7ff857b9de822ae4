"""A body that is no JSON as a whole: what is good in it is found, and nothing is made of what is torn."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_app.gateway.answers import Refused
from stream_app.gateway.cutting import Torn, cut_list, cut_object
from stream_app.gateway.reception import MOST_EVENTS

WORDS = st.text(st.sampled_from('ab"\\[]{},: ü\n'), max_size=6)
JSON = st.recursive(
    st.none() | st.floats() | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=10,
)
INDENTS = st.sampled_from([None, 1])


def same(one: Any, other: Any) -> bool:
    """As text, because NaN equals nothing."""
    return json.dumps(one) == json.dumps(other)


@given(st.lists(JSON, max_size=4), st.booleans(), INDENTS)
def test_a_list_is_cut_into_what_it_holds(values: list[Any], plain: bool, indent: int | None) -> None:
    body = json.dumps(values, ensure_ascii=plain, indent=indent).encode()

    assert same([json.loads(each) for each in cut_list(body)], values)


@given(st.dictionaries(st.sampled_from(["batch", "writeKey", "[", "sent at"]), JSON), st.booleans(), INDENTS)
def test_an_object_is_cut_into_its_fields(values: dict[str, Any], plain: bool, indent: int | None) -> None:
    body = json.dumps(values, ensure_ascii=plain, indent=indent).encode()

    assert same({name: json.loads(each) for name, each in cut_object(body).items()}, values)


@given(st.lists(JSON, max_size=3), st.data())
def test_what_is_cut_off_is_torn(values: list[Any], data: st.DataObject) -> None:
    body = json.dumps({"batch": values}).encode()
    end = data.draw(st.integers(0, len(body) - 1))

    with pytest.raises(Torn):
        cut_object(body[:end])


@given(st.binary(max_size=40))
def test_nothing_else_is_raised_for_any_bytes(body: bytes) -> None:
    for cut in (cut_list, cut_object):
        for framed in (body, b"[%b]" % body, b"{%b}" % body):
            with suppress(Torn):
                cut(framed)


def test_more_than_a_request_may_hold_is_refused() -> None:
    assert len(cut_list(b"[" + b"1," * (MOST_EVENTS - 1) + b"1]")) == MOST_EVENTS
    with pytest.raises(Refused):
        cut_list(b"[" + b"1," * MOST_EVENTS + b"1]")


def test_depth_costs_nothing() -> None:
    deep = b"[" * 1_000_000 + b"]" * 1_000_000

    assert cut_list(b"[7,%b]" % deep) == [b"7", deep]

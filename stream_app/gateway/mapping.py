"""A payload of another system, taken apart into events of the wire format as its source file says."""

import re
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl

import orjson

from state import Rejected
from stream_app.gateway.answers import Refused
from stream_app.gateway.expressions import Expression
from stream_app.gateway.reception import MOST_EVENTS, too_many_events
from stream_app.gateway.source_file import Rule, Source

_PATH: Final = re.compile(r"\[([^\[\]]*)\]")
_MOST_FIELDS: Final = 10_000
_DEEPEST: Final = 16


class Payload(NamedTuple):
    """One thing that a request tells.

    Attributes:
        original: As JSON, for a dead letter.
        document: What the expressions see: the payload, and beside it ``_body``, ``_headers`` and ``_query``.
    """

    original: bytes
    document: dict[str, Any]


class Payloads:
    """The payloads of a request: counted before anything is made of them, because there may be millions.

    Args:
        items: As they lie in the body.
        about: What every expression sees besides its payload.
    """

    def __init__(self, items: list[Any], about: dict[str, Any]) -> None:
        self._items = items
        self._about = about

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[Payload]:
        for item in self._items:
            own = item if isinstance(item, dict) else {"value": item}
            yield Payload(_text(item), {**own, **self._about})


def _text(item: Any) -> bytes:
    try:
        return orjson.dumps(item)
    except orjson.JSONEncodeError:  # it reads four times as many levels as it writes
        return b'"nested too deeply to be written again"'


def payloads(source: Source, body: bytes, headers: Mapping[str, str], query: Mapping[str, str]) -> Payloads:
    """The payloads of a request.

    Args:
        source: Says how they lie in it.
        body: Of the request.
        headers: Names in lower case.
        query: Parameters of the URL.

    Raises:
        Refused: 400 if the body cannot be read, 413 for a list at its top with more than a request may hold.
    """
    document = _parsed(source.body, body)
    tops = document.values() if isinstance(document, dict) else [document]
    if any(isinstance(each, list) and len(each) > MOST_EVENTS for each in tops):
        raise too_many_events()  # expressions take seconds for millions
    try:
        items = source.each.of(document)
    except ValueError as error:
        raise Refused(400, "unexpected_body", f"The body is not as expected: {error}.") from None
    about = {"_body": document, "_headers": dict(headers), "_query": dict(query)}
    found = items if isinstance(items, list) else [] if items is None else [items]
    return Payloads(found, about)


def event_of(source: Source, payload: Payload) -> bytes | None:
    """The event that a payload becomes, or None if no rule applies to it.

    Raises:
        Rejected: If the payload does not fit its rule.
    """
    try:
        for rule in source.event:
            if rule.when is None or _is_true(_value(rule.when, payload.document)):
                made = _applied(rule, payload)
                if made is not None:
                    return orjson.dumps(made)
    except ValueError as error:
        raise Rejected("wrong_type", f"{source.title}: {error}.") from None
    except orjson.JSONEncodeError as error:
        raise Rejected("invalid_json", f"{source.title}: the event cannot be written: {error}.") from None
    return None


def _applied(rule: Rule, payload: Payload) -> dict[str, Any] | None:
    document = payload.document
    name = _value(rule.event, document)
    if rule.names:
        name = rule.names.get(str(name))
        if name is None:
            return None
    fields = {
        "event": name,
        "userId": _id(_value(rule.user_id, document)),
        "anonymousId": _id(_value(rule.anonymous_id, document)),
        "previousId": _id(_value(rule.previous_id, document)),
        "messageId": _id(_value(rule.message_id, document)) or _hash(payload, name),
        "timestamp": _value(rule.timestamp, document),
    }
    made: dict[str, Any] = {"type": rule.type}
    made.update({key: value for key, value in fields.items() if value is not None})
    for key, table in (("properties", rule.properties), ("traits", rule.traits)):
        values = {each: _value(expression, document) for each, expression in table.items()}
        kept = {each: value for each, value in values.items() if value is not None}
        if kept:
            made[key] = kept
    if not rule.active:
        made["context"] = {"active": False}
    return made


def _value(expression: Any, document: dict[str, Any]) -> Any:
    return expression.of(document) if isinstance(expression, Expression) else expression


def _is_true(value: Any) -> bool:
    return value is not False and value is not None and value not in ("", [], {})


def _id(value: Any) -> str | None:
    """An id as text; a number is one, a truth or a list is none."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    return str(value) or None


def _hash(payload: Payload, name: Any) -> str:
    return blake2b(payload.original + str(name).encode(), digest_size=16).hexdigest()


def _parsed(kind: str, body: bytes) -> Any:
    try:
        if kind == "json":
            return orjson.loads(body)
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS, errors="strict")
    except (ValueError, RecursionError) as error:  # broken JSON and broken UTF-8 are value errors too
        raise Refused(400, "invalid_body", f"The body cannot be read: {error}.") from None
    if kind == "form":
        return _nested(pairs)
    text = dict(pairs).get(kind.partition(":")[2])
    if text is None:
        raise Refused(400, "invalid_body", f"The form has no field {kind.partition(':')[2]}.")
    return _parsed("json", text.encode())


def _nested(pairs: list[tuple[str, str]]) -> dict[str, Any]:
    """A form with names such as ``data[merges][EMAIL]`` as nested objects.

    Examples:
        >>> _nested([("type", "subscribe"), ("data[merges][EMAIL]", "a@b.c")])
        {'type': 'subscribe', 'data': {'merges': {'EMAIL': 'a@b.c'}}}
    """
    tree: dict[str, Any] = {}
    for name, value in pairs:
        path = list(_steps(name))[:_DEEPEST]
        table = tree
        for step in path[:-1]:
            inner = table.setdefault(step, {})
            if not isinstance(inner, dict):
                inner = table[step] = {}
            table = inner
        table[path[-1]] = value
    return tree


def _steps(name: str) -> Iterator[str]:
    head, bracket, rest = name.partition("[")
    yield head
    if bracket:
        yield from _PATH.findall("[" + rest)

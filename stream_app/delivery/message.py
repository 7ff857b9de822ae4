"""What is told: a stage change or a churn alert of the topics, as a message to others."""

import hashlib
import re
from typing import Any, Literal, NamedTuple
from urllib.parse import quote

import jmespath
import orjson
import structlog
from jmespath.exceptions import JMESPathError

from state import DAY, format_instant, parse_instant
from stream_app.delivery.destination import Destination

__all__ = [
    "TYPES",
    "Kind",
    "Message",
    "body_of",
    "erased_by",
    "is_merge",
    "is_wanted",
    "message_of",
    "url_of",
]

log = structlog.get_logger(__name__)

Kind = Literal["stage-change", "churn-alert"]
TYPES = {"stage-change": "lifecycle.stage.changed", "churn-alert": "lifecycle.churn.alert"}
_ALERT_ENDS = 7 * DAY
_FIELD = re.compile(r"\{([a-z][a-z0-9_]*)\}")


class Message(NamedTuple):
    """One message.

    Attributes:
        kind: Stage change or churn alert.
        id: Idempotency id, the same for every attempt, every destination and every redelivery.
        customer: Customer id.
        fields: The payload of the topic.
    """

    kind: Kind
    id: str
    customer: str
    fields: dict[str, Any]


def message_of(kind: Kind, value: bytes | None, headers: tuple[tuple[str, bytes], ...]) -> Message | None:
    """The message in a record; None for what is none: a marker, an erasure, a state told again for Redis.

    Examples:
        >>> message_of("stage-change", b'{"customer_id": "c 1", "version": 3, "stage": "loyal"}', ()).id
        'c%201:3'
    """
    if value is None or any(name.startswith(("republish", "erase")) for name, _ in headers):
        return None
    try:
        fields = orjson.loads(value)
        customer, version = fields["customer_id"], fields["version"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return None
    if fields.get("status") == "erased" or not isinstance(customer, str):
        return None
    name = f"{quote(customer, safe='@+-_.~')}:{version}"
    return Message(kind, name if kind == "stage-change" else f"{name}:alert", customer, fields)


def erased_by(value: bytes | None) -> str | None:
    """The customer who is to be forgotten by a record; None for any other record.

    Examples:
        >>> erased_by(b'{"customer_id": "c1", "erased": true}'), erased_by(b'{"customer_id": "c1"}'), erased_by(b"x")
        ('c1', None, None)
    """
    try:
        told = orjson.loads(value or b"")
        is_erasure = told.get("erased") is True or told.get("status") == "erased"
        return str(told["customer_id"]) if is_erasure else None
    except (orjson.JSONDecodeError, KeyError, AttributeError):
        return None


def is_merge(value: bytes | None) -> bool:
    """Whether an erasure is that of an id that belongs to a customer from now on: what was told of it stays told.

    Examples:
        >>> is_merge(b'{"customer_id": "a1", "erased": true, "alias": "c1"}')
        True
        >>> is_merge(b'{"customer_id": "c1", "erased": true}')
        False
    """
    return bool(orjson.loads(value or b"{}").get("alias"))


def is_wanted(destination: Destination, message: Message) -> bool:
    """Whether *message* passes the filters of *destination*."""
    only, fields = destination.only, message.fields
    wanted = [
        (only.lifecycles, fields.get("lifecycle")),
        (only.stages, fields.get("stage")),
        (only.from_stages, fields.get("previous_stage")),
        (only.value_segments, fields.get("value_segment")),
        (only.reasons if message.kind == "stage-change" else (), fields.get("reason")),
        (tuple(destination.stages), fields.get("stage")),
    ]
    if message.kind not in destination.on or any(names and value not in names for names, value in wanted):
        return False
    if not only.when:
        return True
    try:
        return bool(jmespath.search(only.when, _document(destination, message)))
    except JMESPathError as error:
        # Without the text of the error: it quotes values of the message.
        facts = {"customer": message.customer, "version": fields["version"], "error": type(error).__name__}
        log.warning("condition fails", destination=destination.name, **facts)
        return False


def url_of(destination: Destination, message: Message) -> str:
    """Where *message* goes: fields in path and query are percent-encoded, the host is written out.

    Raises:
        ValueError: A field would lead to another place of the same host.
    """
    document = _document(destination, message)

    def fill(found: re.Match[str]) -> str:
        text = str(document.get(found[1]) or "")
        if text in {"", ".", ".."}:
            raise ValueError(f"{found[1]} is {text!r}, which is no part of an address")
        return quote(text, safe="")

    return _FIELD.sub(fill, destination.url)


def body_of(destination: Destination, message: Message) -> bytes:
    """The JSON body of *message*.

    Raises:
        JMESPathError: The expression does not fit the message.
    """
    if destination.body:
        return orjson.dumps(jmespath.search(destination.body, _document(destination, message)))
    return orjson.dumps(
        {"type": TYPES[message.kind], "timestamp": message.fields.get("event_time"), "data": message.fields}
    )


def _document(destination: Destination, message: Message) -> dict[str, Any]:
    """What expressions see: the payload, and its stages in the words of the destination."""
    fields, stages, customer = message.fields, destination.stages, message.customer
    stage, before = fields.get("stage"), fields.get("previous_stage")
    return {
        **fields,
        "id": message.id,
        "type": TYPES[message.kind],
        "their_stage": stages.get(stage or "", stage),
        "their_previous_stage": stages.get(before or "", before),
        "customer_md5": hashlib.md5(customer.lower().encode(), usedforsecurity=False).hexdigest(),
        "customer_odata": customer.replace("'", "''"),
        **({"ends_at": _end(fields)} if message.kind == "churn-alert" else {}),
    }


def _end(alert: dict[str, Any]) -> str | None:
    """When an alert ends for those who want to know: now if it is resolved, else after a week."""
    at: str | None = alert.get("event_time")
    if at is None or alert.get("status") == "resolved":
        return at
    return format_instant(parse_instant(at) + _ALERT_ENDS)

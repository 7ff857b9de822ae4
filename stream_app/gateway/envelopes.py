"""Which events does a request with CloudEvents carry: structured, binary or batched mode.

References:
    CloudEvents, HTTP protocol binding 1.0.2.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import unquote

import msgspec
import orjson

from state import Rejected
from stream_app.gateway.answers import Refused
from stream_app.gateway.clock_skew import Arrival
from stream_app.gateway.cutting import Torn, cut_list
from stream_app.gateway.intake import Intake
from stream_app.gateway.record import Outgoing

STRUCTURED: Final = "application/cloudevents"
HEADERS: Final = [("content-type", b"application/cloudevents+json")]
_BATCH: Final = msgspec.json.Decoder(list[msgspec.Raw])
_REQUIRED: Final = ("id", "source", "type")


def events_of(headers: Mapping[str, str], body: bytes) -> list[bytes]:
    """The events of a request, each as a structured-mode envelope.

    Args:
        headers: Of the request, names in lower case.
        body: Of the request.

    Raises:
        Refused: 400 if the body as a whole cannot be read.

    Examples:
        >>> events_of({"ce-id": "e1", "ce-type": "t", "ce-source": "/s", "ce-specversion": "1.0"}, b'{"userId":"u1"}')
        [b'{"id":"e1","type":"t","source":"/s","specversion":"1.0","data":{"userId":"u1"}}']
    """
    kind = headers.get("content-type", "").lower()
    if kind.startswith(STRUCTURED + "-batch"):
        return _cut(body)
    if kind.startswith(STRUCTURED):
        return [body]
    if "ce-specversion" in headers:
        return [_structured(headers, body)]
    raise Refused(
        400, "no_cloudevent", "Send CloudEvents: Content-Type application/cloudevents+json, or ce- headers."
    )


def record_of(raw: bytes, arrival: Arrival, intake: Intake) -> Outgoing:
    """The record for one event in structured mode; an event without a time gets that of its arrival.

    Raises:
        Rejected: If it is no CloudEvent, or cannot be folded.
    """
    try:
        document = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise Rejected("invalid_json", f"The CloudEvent is not JSON in UTF-8: {error}.") from None
    if not isinstance(document, dict) or not document.get("specversion"):
        raise Rejected("bad_envelope", "There is no specversion: it is no CloudEvent.")
    for name in _REQUIRED:
        if not isinstance(document.get(name), str) or not document[name]:
            raise Rejected("bad_envelope", f"The CloudEvents attribute {name} is missing; send it as text.")
    if not document.get("time"):
        document["time"] = arrival.received
        raw = _written(document)
    event = intake.judge_envelope(raw, arrival)
    return Outgoing(event.kind.topic, event.customer.encode(), raw, HEADERS)


def _cut(body: bytes) -> list[bytes]:
    try:
        return [bytes(each) for each in _BATCH.decode(body)]
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        try:
            return cut_list(body)
        except Torn:
            sentence = f"The body is no JSON array of CloudEvents: {error}."
            raise Refused(400, "invalid_json", sentence) from None


def _structured(headers: Mapping[str, str], body: bytes) -> bytes:
    made: dict[str, Any] = {
        name[3:]: unquote(text) for name, text in _attributes(headers.items()) if name != "ce-datacontenttype"
    }
    if "content-type" in headers:
        made["datacontenttype"] = headers["content-type"]
    if body:
        try:
            made["data"] = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise Refused(400, "invalid_json", f"The body is not JSON in UTF-8: {error}.") from None
    try:
        return _written(made)
    except Rejected as rejected:
        raise Refused(400, "invalid_json", rejected.sentence) from None


def _written(document: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(document)
    except orjson.JSONEncodeError as error:  # fewer levels can be written than read
        raise Rejected("invalid_json", f"The CloudEvent cannot be written again: {error}.") from None


def _attributes(headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(name, text) for name, text in headers if name.startswith("ce-")]

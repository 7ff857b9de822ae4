"""What does PostHog's shape of an event say in the terms of the Segment spec?

References:
    posthog-python 7.91: ``/batch/`` and, opted into, Capture V1 at ``/i/v1/analytics/events``.
"""

from typing import Any, Final

import orjson

from state import Rejected

_CALLS: Final = {
    "$identify": "identify",
    "$set": "identify",
    "$create_alias": "alias",
    "$merge_dangerously": "alias",
    "$groupidentify": "group",
    "$pageview": "page",
    "$screen": "screen",
}


def as_segment(raw: bytes) -> bytes:
    """The same event in the wire format.

    Args:
        raw: One element of PostHog's ``batch``.

    Raises:
        Rejected: If it is no JSON object.

    Examples:
        >>> as_segment(b'{"event":"Order Completed","distinct_id":"u1","uuid":"m1"}')
        b'{"messageId":"m1","type":"track","event":"Order Completed","userId":"u1","properties":{}}'
        >>> as_segment(b'{"event":"$create_alias","uuid":"m2","properties":{"distinct_id":"anon","alias":"u1"}}')
        b'{"messageId":"m2","type":"alias","previousId":"anon","userId":"u1"}'
    """
    try:
        sent = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise Rejected("invalid_json", f"The event is not JSON in UTF-8: {error}.") from None
    if not isinstance(sent, dict):
        raise Rejected("wrong_type", "The event is no JSON object.")
    given = sent.get("properties")
    properties: dict[str, Any] = given if isinstance(given, dict) else {}
    name = sent.get("event")
    call = _CALLS.get(name, "track") if isinstance(name, str) else "track"
    made: dict[str, Any] = {
        field: sent[source]
        for field, source in (("messageId", "uuid"), ("timestamp", "timestamp"))
        if sent.get(source) is not None
    }
    made["type"] = call
    made.update(_facts(call, name, _person(sent, properties), properties, sent))
    options = sent.get("options")
    if isinstance(options, dict) and options.get("disable_skew_correction") is True:
        made["sentAt"] = ""
    return orjson.dumps(made)


def _person(sent: dict[str, Any], properties: dict[str, Any]) -> Any:
    return sent.get("distinct_id") if sent.get("distinct_id") is not None else properties.get("distinct_id")


def _facts(
    call: str, name: Any, person: Any, properties: dict[str, Any], sent: dict[str, Any]
) -> dict[str, Any]:
    """What the kind of call says about whom."""
    if call == "alias":
        return {"previousId": person, "userId": properties.get("alias")}
    if call == "identify":
        return _identified(name, person, properties, sent)
    if call == "group":
        group = properties.get("$group_key")
        return {"userId": person, "groupId": group, "traits": properties.get("$group_set", {})}
    if call in {"page", "screen"}:
        title = properties.get("title") or properties.get("$screen_name") or properties.get("$pathname") or ""
        return {"name": str(title), "userId": person, "properties": properties}
    return {"event": name, "userId": person, "properties": properties}


def _identified(name: Any, person: Any, properties: dict[str, Any], sent: dict[str, Any]) -> dict[str, Any]:
    traits: dict[str, Any] = {}
    for key in ("$set_once", "$set"):
        for place in (sent.get(key), properties.get(key)):
            if isinstance(place, dict):
                traits.update(place)
    facts: dict[str, Any] = {"userId": person, "traits": traits}
    if isinstance(properties.get("$anon_distinct_id"), str):
        facts["anonymousId"] = properties["$anon_distinct_id"]
    if name == "$set":  # a server that sets traits is no sign of life of the person
        facts["context"] = {"active": False}
    return facts

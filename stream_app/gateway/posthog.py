"""What does PostHog's shape of an event say in the terms of the Segment spec?

PostHog has one id, ``distinct_id``, for visitors and customers alike; here a customer who is known is never merged into
another. So an id is that of a customer where PostHog itself makes it one (``$identify``, ``$set`` and what ``alias``
leads to) or where a browser says that its visitor has been identified. Every other event is a visitor's: it takes
nothing from a customer who is known already, and leaves a visitor free to become one.

References:
    posthog-python 7.91: ``/batch/`` and, opted into, Capture V1 at ``/i/v1/analytics/events``.
    posthog-js, posthog-core.ts: ``$is_identified``; ``$user_id``, once ``identify`` was called.
    posthog, person-merge-service.ts: ``$merge_dangerously`` merges ``alias`` into ``distinct_id``.
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
        Rejected: If it is no JSON object, or nested too deeply.

    Examples:
        >>> as_segment(b'{"event":"Order Completed","distinct_id":"u1","uuid":"m1"}')
        b'{"messageId":"m1","type":"track","event":"Order Completed","anonymousId":"u1","properties":{}}'
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
    try:
        return orjson.dumps(made)
    except orjson.JSONEncodeError as error:  # fewer levels can be written than read
        raise Rejected("invalid_json", f"The event cannot be written again: {error}.") from None


def _person(sent: dict[str, Any], properties: dict[str, Any]) -> Any:
    return sent.get("distinct_id") if sent.get("distinct_id") is not None else properties.get("distinct_id")


def _is_known(person: Any, properties: dict[str, Any]) -> bool:
    """Whether a browser or an app says that the person has been identified; servers do not say.

    Where both are there ``$user_id`` decides: an event may be about another id than that of whom the browser knows.
    """
    identified, user = properties.get("$is_identified"), properties.get("$user_id")
    if isinstance(user, str | int) and user:
        return identified is not False and str(user) == str(person)
    return identified is True


def _facts(
    call: str, name: Any, person: Any, properties: dict[str, Any], sent: dict[str, Any]
) -> dict[str, Any]:
    """What the kind of call says about whom."""
    known = _is_known(person, properties)
    if call == "alias":
        other = properties.get("alias")
        if known or name == "$merge_dangerously":
            return {"previousId": other, "userId": person}
        return {"previousId": person, "userId": other}
    if call == "identify":
        return _identified(name, person, properties, sent)
    who = {"userId" if known else "anonymousId": person}
    if call == "group":
        return {**who, "groupId": properties.get("$group_key"), "traits": properties.get("$group_set", {})}
    if call in {"page", "screen"}:
        title = properties.get("title") or properties.get("$screen_name") or properties.get("$pathname") or ""
        return {"name": str(title), **who, "properties": properties}
    return {"event": name, **who, "properties": properties}


def _identified(name: Any, person: Any, properties: dict[str, Any], sent: dict[str, Any]) -> dict[str, Any]:
    traits: dict[str, Any] = {}
    for key in ("$set_once", "$set"):
        for place in (sent.get(key), properties.get(key)):
            if isinstance(place, dict):
                traits.update(place)
    if name == "$set":  # traits that are set are no sign of life; browsers set them of visitors, too
        visitor = properties.get("$is_identified") is False
        return {
            "anonymousId" if visitor else "userId": person,
            "traits": traits,
            "context": {"active": False},
        }
    facts: dict[str, Any] = {"userId": person, "traits": traits}
    if isinstance(properties.get("$anon_distinct_id"), str):
        facts["anonymousId"] = properties["$anon_distinct_id"]
    return facts

"""What can be asked, as OpenAPI 3.1: for people who generate clients, and tools that try everything."""

from typing import Any, Final

_ID: Final = {"type": ["string", "null"], "maxLength": 512}
_INSTANT: Final = {"type": "string", "description": "RFC 3339, or milliseconds since 1970", "maxLength": 64}
_EVENT: Final = {
    "type": "object",
    "description": "An event of the Segment spec. Unknown fields are kept.",
    "properties": {
        "type": {"enum": ["track", "page", "screen", "identify", "alias", "group"]},
        "event": {"type": "string"},
        "messageId": {"type": "string", "maxLength": 512},
        "userId": _ID,
        "anonymousId": _ID,
        "timestamp": _INSTANT,
        "sentAt": _INSTANT,
        "properties": {"type": "object"},
        "traits": {"type": "object"},
        "context": {"type": "object"},
    },
}
_POSTHOG: Final = {
    "type": "object",
    "properties": {
        "event": {"type": "string"},
        "distinct_id": _ID,
        "uuid": {"type": "string", "maxLength": 512},
        "timestamp": _INSTANT,
        "properties": {"type": "object"},
    },
}
_CLOUD_EVENT: Final = {
    "type": "object",
    "required": ["specversion", "id", "source", "type"],
    "properties": {
        "specversion": {"type": "string"},
        "id": {"type": "string"},
        "source": {"type": "string"},
        "type": {"type": "string"},
        "time": {"type": "string"},
        "partitionkey": {"type": "string"},
        "data": {"type": "object"},
    },
}
_REFUSALS: Final = {
    "400": "The body as a whole cannot be read.",
    "401": "The key or the signature is wrong or missing.",
    "408": "The request did not arrive in time.",
    "413": "The body is too large, or holds too many events.",
    "415": "The compression is not known.",
    "429": "The key sends more than it may; Retry-After says when to go on.",
    "500": "The gateway failed.",
    "503": "Events cannot be kept at present; Retry-After says when to try again.",
}
_KEYS: Final[list[dict[str, list[str]]]] = [{"basic": []}, {"bearer": []}, {"query": []}]


def description(webhooks: list[str]) -> dict[str, Any]:
    """The document.

    Args:
        webhooks: Names of all that can be sent to.

    Examples:
        >>> sorted(description(["stripe"])["paths"])[:3]
        ['/batch', '/healthz', '/i/v1/analytics/events']
    """
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "lifecycle gateway",
            "version": "1",
            "description": "Events come in; an answer of success means that Kafka has them. One bad event in a "
            "batch becomes a dead letter and costs the others nothing.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": {**_tracking(), **_other_events(webhooks), **_reading()},
        "components": {
            "schemas": {
                "Success": _object({"success": {"const": True}}, "success"),
                "Refusal": _object(
                    {"code": {"type": "string"}, "message": {"type": "string"}}, "code", "message"
                ),
            },
            "securitySchemes": {
                "basic": {"type": "http", "scheme": "basic", "description": "The key is the user."},
                "bearer": {"type": "http", "scheme": "bearer"},
                "query": {"type": "apiKey", "in": "query", "name": "key"},
            },
        },
    }


def _tracking() -> dict[str, Any]:
    singles = {
        f"/v1/{call}": {"post": _taking(f"One {call} call.", _EVENT)}
        for call in ("track", "identify", "page", "screen", "alias", "group")
    }
    batch = _object({"batch": {"type": "array", "items": _EVENT}, "sentAt": _INSTANT}, "batch")
    posthog = _object({"batch": {"type": "array", "items": _POSTHOG}, "sent_at": _INSTANT}, "batch")
    results = {"type": "object", "additionalProperties": {"type": "object"}}
    return {
        **singles,
        "/v1/batch": {"post": _taking("Several calls.", batch)},
        "/v1/import": {"post": _taking("Several calls of the past.", batch)},
        "/batch": {"post": _taking("Several events as PostHog's SDKs send them.", posthog)},
        "/i/v1/analytics/events": {
            "post": _taking(
                "The same, answered event by event.",
                posthog,
                _object({"success": {"const": True}, "results": results}, "results"),
            )
        },
    }


def _other_events(webhooks: list[str]) -> dict[str, Any]:
    events = _taking("CloudEvents: structured, binary or batched.", _CLOUD_EVENT)
    events["requestBody"]["content"] = {
        "application/cloudevents+json": {"schema": _CLOUD_EVENT},
        "application/cloudevents-batch+json": {"schema": {"type": "array", "items": _CLOUD_EVENT}},
    }
    hook = _taking("What another system sends in a shape of its own.", {})
    name = _parameter("name", {"enum": webhooks} if webhooks else {"type": "string"})
    asked = {
        "summary": "Whether somebody is there; Meta's challenge is given back.",
        "parameters": [name],
        "responses": {
            "200": {
                "description": "Yes.",
                "content": {"application/json": {"schema": _named("Success")}, "text/plain": {}},
            },
            **_refusals("401", "404"),
        },
    }
    hook["parameters"] = [name]
    hook["responses"] |= _refusals("404")
    return {"/v1/events": {"post": events}, "/v1/webhooks/{name}": {"post": hook, "get": asked}}


def _reading() -> dict[str, Any]:
    profile = {
        "summary": "What is known about a customer, by any of its ids.",
        "security": _KEYS,
        "parameters": [
            _parameter("id", {"type": "string", "maxLength": 512}),
            {"name": "lifecycle", "in": "query", "schema": {"type": "string"}},
        ],
        "responses": {"200": _json("The profile.", {"type": "object"}), **_refusals("401", "404", "503")},
    }
    plain = {"type": "object", "properties": {"status": {"type": "string"}}}
    browser = {
        "summary": "What Segment's browser SDK asks before it sends.",
        "parameters": [_parameter("key", {"type": "string"})],
        "responses": {"200": _json("The settings.", {"type": "object"}), **_refusals("401")},
    }
    return {
        "/v1/profiles/{id}": {"get": profile},
        "/v1/projects/{key}/settings": {"get": browser},
        "/healthz": {"get": _got("The process answers.", plain)},
        "/readyz": {"get": _got("Kafka answers.", plain, "503")},
        "/openapi.json": {"get": _got("This document.", {"type": "object"})},
    }


def _taking(summary: str, body: dict[str, Any], answer: dict[str, Any] | None = None) -> dict[str, Any]:
    success = _json("Kafka has the events.", answer or _named("Success"))
    return {
        "summary": summary,
        "security": _KEYS,
        "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
        "responses": {"200": success, **_refusals(*_REFUSALS)},
    }


def _got(summary: str, answer: dict[str, Any], *refusals: str) -> dict[str, Any]:
    return {"summary": summary, "responses": {"200": _json(summary, answer), **_refusals(*refusals)}}


def _refusals(*statuses: str) -> dict[str, Any]:
    return {
        status: _json(_REFUSALS.get(status, "It is not known here."), _named("Refusal"))
        for status in statuses
    }


def _json(text: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": text, "content": {"application/json": {"schema": schema}}}


def _named(schema: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{schema}"}


def _object(properties: dict[str, Any], *required: str) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required)}


def _parameter(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": schema}

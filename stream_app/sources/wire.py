"""How a row of a data set becomes an event in the wire format (the Segment spec)."""

from typing import Any

import orjson

from state.instants import format_instant

SIMULATED = {"simulated": True}
"""The `context` of every event that nobody real has caused. Whoever shows such an event says so."""


def track(
    message_id: str,
    customer: str,
    at: int,
    event: str,
    properties: dict[str, Any],
    *,
    simulated: bool = False,
) -> bytes:
    """Encode a `track` event.

    Args:
        message_id: Unique for each row of the source, and the same on each reading: the deduplication key.
        customer: Becomes `userId`.
        at: Event time in microseconds since 1970 UTC.
        event: Name from the Segment e-commerce or e-mail spec.
        properties: As in the spec; amounts in the currency of the source.
        simulated: Whether to mark it `context.simulated: true`.

    Examples:
        >>> orjson.loads(track("m1", "c1", 0, "Order Completed", {"revenue": 1.5}))["timestamp"]
        '1970-01-01T00:00:00Z'
    """
    message: dict[str, Any] = {
        "type": "track",
        "event": event,
        "messageId": message_id,
        "userId": customer,
        "timestamp": format_instant(at),
        "properties": properties,
    }
    if simulated:
        message["context"] = SIMULATED
    return orjson.dumps(message)


def page(message_id: str, customer: str, at: int, name: str, *, simulated: bool = False) -> bytes:
    """Encode a `page` event: somebody has looked at the page *name*."""
    message: dict[str, Any] = {
        "type": "page",
        "name": name,
        "messageId": message_id,
        "userId": customer,
        "timestamp": format_instant(at),
        "properties": {"title": name},
    }
    if simulated:
        message["context"] = SIMULATED
    return orjson.dumps(message)

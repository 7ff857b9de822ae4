"""The least that an HTTP endpoint for JSON can do: read the body, parse it, answer."""

from typing import Any

import orjson

_START = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"application/json"), (b"content-length", b"17")],
}
_BODY = {"type": "http.response.body", "body": b'{"success": true}'}


async def app(_scope: Any, receive: Any, send: Any) -> None:
    """Parse what is sent."""
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    orjson.loads(body)
    await send(_START)
    await send(_BODY)

"""The least that an HTTP endpoint for JSON can do: read the body, parse it, answer. With either of two parsers."""

import json
from typing import Any

import orjson

_START = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"application/json"), (b"content-length", b"17")],
}
_BODY = {"type": "http.response.body", "body": b'{"success": true}'}


async def app(_scope: Any, receive: Any, send: Any) -> None:
    """Parse what is sent with the fastest general parser."""
    orjson.loads(await _body(receive))
    await send(_START)
    await send(_BODY)


async def plain(_scope: Any, receive: Any, send: Any) -> None:
    """Parse what is sent with the standard library, as web frameworks do by themselves."""
    json.loads(await _body(receive))
    await send(_START)
    await send(_BODY)


async def _body(receive: Any) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body

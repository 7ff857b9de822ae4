"""What does a sender hear? Success in one form, and refusals that every SDK understands.

Some SDKs send again on any answer but exactly 200, and crash on a refusal without `code` and `message`.
"""

from typing import Final

import orjson
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

_JSON: Final = "application/json"


class Refused(Exception):  # noqa: N818 - the request is refused; nothing is in error here
    """A request that is answered with a refusal.

    Attributes:
        status: HTTP status.
        code: For programs; stable, counted in metrics.
        message: For people: what is wrong, and what to do.
        retry_after: Seconds after which to try again, or None if that cannot help.

    Examples:
        >>> Refused(401, "invalid_key", "Unknown.").answer().body
        b'{"code":"invalid_key","message":"Unknown."}'
    """

    def __init__(self, status: int, code: str, message: str, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.retry_after = retry_after

    def answer(self) -> Response:
        """The refusal as a response."""
        headers = {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}
        body = orjson.dumps({"code": self.code, "message": self.message})
        return Response(body, self.status, headers, _JSON)


class _Accepted(Response):
    """One answer for all: it is sent without being made anew."""

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": list(self.raw_headers)})
        await send({"type": "http.response.body", "body": self.body})


_ACCEPTED: Final = _Accepted(b'{"success": true}', 200, media_type=_JSON)


def accepted() -> Response:
    """Success: whatever was sent is in Kafka."""
    return _ACCEPTED


def found(document: object) -> Response:
    """A JSON document that must not be kept by anything in between."""
    return Response(orjson.dumps(document), 200, {"Cache-Control": "no-store"}, _JSON)

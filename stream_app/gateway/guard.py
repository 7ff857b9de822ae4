"""How long and how large may a connection's requests be? Bounds that the server's own protocol does not have.

Uvicorn with httptools bounds neither the size of headers nor the time that a client takes to send them, so a few clients
that send one byte a second, or headers without end, could exhaust memory and connections.
"""

import asyncio
from typing import Any, ClassVar, Final

from starlette.responses import Response
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from stream_app.gateway.answers import Refused

LARGEST_HEAD: Final = 64 * 1024
"""Bytes of the request line and the headers."""


class GuardedProtocol(HttpToolsProtocol):
    """One connection with bounds.

    A request must have arrived whole within `patience_s` after the connection, or after its first byte on a connection that
    is used again.
    """

    patience_s: ClassVar[float] = 30.0
    most_connections: ClassVar[int] = 1024

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Note the connection, unless there are too many."""
        self._head = 0
        self._in_head = True
        self._due: float | None = None
        self._alarm: asyncio.TimerHandle | None = None
        super().connection_made(transport)
        if len(self.connections) > self.most_connections:
            self._refuse(Refused(503, "busy", "There are too many connections; try again.", 1))
        else:
            self._await_request()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._due = None
        if self._alarm is not None:
            self._alarm.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Pass on what came, as long as the headers stay within bounds."""
        if self._in_head:
            self._head += len(data)
            if self._due is None:
                self._await_request()
        super().data_received(data)
        if self._in_head and self._head > LARGEST_HEAD and not self.transport.is_closing():
            self._refuse(Refused(431, "headers_too_large", "The headers are too large."))

    def on_headers_complete(self) -> None:
        """Headers are whole: the body has its own bounds."""
        self._in_head = False
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Keep a body that comes in one piece as it came; the server would copy it twice."""
        if self.cycle.body or self.cycle.response_complete:
            super().on_body(body)
            return
        self.cycle.body = body  # type: ignore[assignment]  # more is added to bytes as well, and sooner or later it becomes bytes
        self.cycle.message_event.set()

    def on_message_complete(self) -> None:
        """The request is whole; the next one on this connection may take its time to begin."""
        self._due = None
        self._in_head, self._head = True, 0
        super().on_message_complete()

    def _await_request(self) -> None:
        """The alarm of an earlier request will do: when it rings too early it is set again, once in `patience_s` at most."""
        self._due = self.loop.time() + self.patience_s
        if self._alarm is None:
            self._alarm = self.loop.call_at(self._due, self._ring)

    def _ring(self) -> None:
        self._alarm = None
        if self._due is None:
            return
        if self.loop.time() < self._due:
            self._alarm = self.loop.call_at(self._due, self._ring)
        else:
            self._due = None
            self._too_late()

    def _too_late(self) -> None:
        if self.transport.is_closing():
            return
        if self.cycle is not None and not self.cycle.response_complete and self.cycle.response_started:
            self.transport.abort()
            return
        self._refuse(Refused(408, "timeout", "The request did not arrive in time."))

    def _refuse(self, refused: Refused) -> None:
        """Answer below the application, and close."""
        answer = refused.answer()
        self.transport.write(_bytes_of(answer))
        self.transport.close()


def _bytes_of(answer: Response) -> bytes:
    lines: list[Any] = [b"HTTP/1.1 %d Refused" % answer.status_code, b"connection: close"]
    lines += [name + b": " + value for name, value in answer.raw_headers]
    return b"\r\n".join([*lines, b"", bytes(answer.body)])

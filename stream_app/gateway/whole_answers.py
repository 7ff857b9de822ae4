"""An answer leaves in one piece: the server writes head and body each for itself, and a write costs as much as many events.

Only for answers that are short and whole when they begin, as all of the gateway's are: the head waits for the body.
"""

import asyncio
from typing import Any, Final

from stream_app.gateway.guard import GuardedProtocol

_INFORMATION: Final = b"HTTP/1.1 1"
"""What begins so is no answer yet: `100 Continue` must not wait."""


class WholeAnswersProtocol(GuardedProtocol):
    """One connection whose answers leave in one piece."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Let what is written go through `_Joined`."""
        super().connection_made(_Joined(transport))  # type: ignore[arg-type]  # as much of a transport as the server asks for

    def on_response_complete(self) -> None:
        """An answer without a body is complete with its head."""
        self.transport.flush()  # type: ignore[attr-defined]
        super().on_response_complete()


class _Joined:
    """A transport that keeps the head of an answer until its body is written.

    Args:
        transport: Of the connection.
    """

    __slots__ = ("_head", "_transport")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._head = b""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Write, or keep."""
        if self._head:
            head, self._head = self._head, b""
            self._transport.write(head + data)
        elif data.endswith(b"\r\n\r\n") and data.startswith(b"HTTP/") and not data.startswith(_INFORMATION):
            self._head = data
        else:
            self._transport.write(data)

    def flush(self) -> None:
        """Write what is kept."""
        if self._head:
            self.write(b"")

    def close(self) -> None:
        """Close, after all has been written."""
        self.flush()
        self._transport.close()

    def is_closing(self) -> bool:
        """Whether the connection is being closed."""
        return self._transport.is_closing()

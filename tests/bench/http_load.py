"""Requests over kept connections, each sent when the one before it on its connection is answered."""

import asyncio
from collections.abc import Sequence
from itertools import cycle
from time import perf_counter

_ANSWER_END = b"true}"


class _Connection(asyncio.Protocol):
    """One connection that always has one request on its way."""

    def __init__(self, requests: Sequence[bytes], until: float) -> None:
        self.answered = 0
        self.wrong: bytes | None = None
        self.done = asyncio.get_running_loop().create_future()
        self._requests = cycle(requests)
        self._until = until
        self._received = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # as every TCP transport is
        self._transport.write(next(self._requests))

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self._received.endswith(_ANSWER_END):
            if b'"code"' in self._received:
                self.wrong = self._received
                self._transport.close()
            return
        self._received = b""
        self.answered += 1
        if perf_counter() < self._until:
            self._transport.write(next(self._requests))
        else:
            self._transport.close()

    def connection_lost(self, _error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_result(None)


async def requests_per_second(
    port: int, requests: Sequence[bytes], connections: int, seconds: float
) -> float:
    """Answered requests a second.

    Args:
        port: On this machine.
        requests: Whole requests, head and body; each connection begins at another one.
        connections: At the same time.
        seconds: For how long.
    """
    loop = asyncio.get_running_loop()
    started = perf_counter()
    opened = []
    for number in range(connections):
        at = number * len(requests) // connections
        mine = [*requests[at:], *requests[:at]]
        _, protocol = await loop.create_connection(
            lambda mine=mine: _Connection(mine, started + seconds), "127.0.0.1", port
        )
        opened.append(protocol)
    await asyncio.gather(*(each.done for each in opened))
    for each in opened:
        assert each.wrong is None, each.wrong
    return sum(each.answered for each in opened) / (perf_counter() - started)

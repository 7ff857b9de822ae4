"""How much is judged before the loop looks at its sockets again? A little, so that what is judged is soon on its way.

The bodies of all connections may be there at once: when Kafka has acknowledged, all answers go out together, and all
senders send again together. Judged in one go they would also depart and land in one go, and between departure and landing
there would be nothing to do. By turns one part is judged while the other is on its way.
"""

import asyncio
from collections import deque
from typing import Final

_BYTES: Final = 256 * 1024
"""A millisecond's work. The producer needs about five passes of the loop from a batch to its bytes."""


class Turns:
    """Lets bodies through in the order of their arrival, some in each pass of the loop."""

    __slots__ = ("_queue", "_taken")

    def __init__(self) -> None:
        self._taken = 0
        self._queue: deque[tuple[asyncio.Future[None], int]] = deque()

    def is_awaited(self) -> bool:
        """Whether a body waits."""
        return bool(self._queue)

    async def take(self, size: int) -> None:
        """Wait until a body of this size may be judged.

        Args:
            size: Its bytes.
        """
        if self._taken < _BYTES and not self._queue:
            self._note(size)
            return
        turn = asyncio.get_running_loop().create_future()
        self._queue.append((turn, size))
        await turn

    def _note(self, size: int) -> None:
        if not self._taken:
            asyncio.get_running_loop().call_soon(self._next)
        self._taken += size

    def _next(self) -> None:
        """Another pass begins: whose turn is it?"""
        self._taken = 0
        while self._queue and self._taken < _BYTES:
            turn, size = self._queue.popleft()
            if not turn.done():
                turn.set_result(None)
                self._note(size)

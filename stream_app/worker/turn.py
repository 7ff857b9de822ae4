"""Who computes: one lane at a time, and the network between two of them."""

import asyncio
from time import thread_time
from types import TracebackType

__all__ = ["Turn"]

#: CPU seconds of computing after which others are let go first.
_LONG = 0.002
#: Turns of the event loop from an acknowledgement that has arrived until what follows from it is on its way.
_STEPS = 4


class Turn:
    """Held while a lane computes; the lanes get it in the order in which they ask.

    One turn of the event loop lies between two holders at least, so that sends and heartbeats do not starve. But what
    an acknowledgement sets in motion takes several turns, and each would wait for the computing of another lane:
    after a long one the next holder lets it all happen first.

    Examples:
        >>> async def lane(turn: Turn) -> str:
        ...     async with turn:
        ...         return "computed"
        >>> asyncio.run(lane(Turn()))
        'computed'
    """

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._began = 0.0
        self._was_long = False

    async def __aenter__(self) -> None:
        await self._lock.acquire()
        if self._was_long:
            try:
                for _ in range(_STEPS):
                    await asyncio.sleep(0)
            except BaseException:
                self._lock.release()
                raise
        self._began = thread_time()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._was_long = thread_time() - self._began > _LONG
        self._lock.release()

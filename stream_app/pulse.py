"""Does the event loop of a process still turn?"""

import asyncio
from time import monotonic
from typing import Final

__all__ = ["Pulse"]

_EVERY_S: Final = 1.0


class Pulse:
    """A sign of life of an event loop, for those who look from outside of it.

    Args:
        patience_s: Silence after which it counts as hanging.
    """

    def __init__(self, patience_s: float = 30.0) -> None:
        self._patience = patience_s
        self._last = monotonic()

    async def beat(self) -> None:
        """Give signs until cancelled."""
        while True:
            self._last = monotonic()
            await asyncio.sleep(_EVERY_S)

    def check(self) -> str | None:
        """What is wrong, in one sentence; ``None`` while signs come."""
        silent = monotonic() - self._last
        return f"the event loop has not turned for {silent:.0f} s" if silent > self._patience else None

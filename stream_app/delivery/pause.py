"""How long until one message is tried again."""

import asyncio
from typing import Any

from tenacity import RetryCallState
from tenacity.wait import wait_random_exponential

__all__ = ["Pause"]


class Pause(wait_random_exponential):
    """The pauses between the attempts for one message: exponential with full jitter, and never shorter than was asked for.

    When the destination takes something else meanwhile it is back, and a pause ends; but not two in a row, for it may be
    this message that it cannot take, and not before the time that it asked for.

    Args:
        longest: Seconds of the longest pause.
        recovered: Set when the destination takes something.
    """

    def __init__(self, longest: float, recovered: asyncio.Event) -> None:
        super().__init__(multiplier=0.5, max=longest)
        self._recovered = recovered
        self._asked = 0.0
        self._was_cut_short = False

    def __call__(self, retry_state: RetryCallState) -> float:
        """Seconds until the next attempt."""
        outcome: Any = retry_state.outcome
        asked: float = getattr(outcome.exception(), "after", 0.0) if outcome else 0.0
        self._asked = min(asked, self.max)
        return max(super().__call__(retry_state), self._asked)

    async def sleep(self, seconds: float) -> None:
        """Wait for so long, or until the destination is back."""
        if self._was_cut_short:
            self._was_cut_short = False
            await asyncio.sleep(seconds)
            return
        await asyncio.sleep(self._asked)
        self._recovered.clear()
        try:
            await asyncio.wait_for(self._recovered.wait(), seconds - self._asked)
            self._was_cut_short = True
        except TimeoutError:
            return

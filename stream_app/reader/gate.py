"""May a page ask Redis now, or is it known to be away?"""

from math import inf

__all__ = ["Gate"]

PAUSE_SECONDS = 1.0  # between two attempts while nobody watches Redis in the background


class Gate:
    """A circuit breaker whose probe is the background connection: pages do not pay for finding out.

    While the background connection stands, Redis lives: a read that failed closes the gate for a moment only. When it
    has broken, the gate stays closed until it stands again. Where there can be none, one page a second tries.

    Attributes:
        watched: True while the background connection stands, False when it has broken, None where there is none.
    """

    def __init__(self) -> None:
        self.watched: bool | None = None
        self._closed_until = -inf

    def is_open(self, now: float) -> bool:
        """Whether a page may ask at *now* (seconds, monotonic)."""
        return now >= self._closed_until

    def failed(self, now: float) -> None:
        """Note a read without an answer."""
        self._closed_until = inf if self.watched is False else now + PAUSE_SECONDS

    def attached(self) -> None:
        """The background connection stands."""
        self.watched, self._closed_until = True, -inf

    def broken(self) -> None:
        """The background connection has broken, and so has Redis, most likely."""
        self.watched, self._closed_until = False, inf

    def unwatched(self) -> None:
        """There can be no background connection."""
        self.watched, self._closed_until = None, -inf

"""How much may come in: a rate for each key, and bytes for all of them together."""

from typing import Self

from stream_app.gateway.answers import Refused


class Allowance:
    """Events that a key may send: a bucket that holds one second's worth and fills at the rate.

    A request is let in while the bucket holds anything, and may overdraw it: a large batch passes whole, and those after
    it wait until it is paid for.

    Args:
        rate: Events a second.

    Examples:
        >>> allowance = Allowance(rate=100)
        >>> allowance.spend(150, now=0.0), allowance.spend(1, now=0.1), allowance.spend(1, now=0.6)
        (0.0, 0.4, 0.0)
    """

    __slots__ = ("_at", "_left", "_rate")

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._left = float(rate)
        self._at = 0.0

    def spend(self, events: int, now: float) -> float:
        """Take *events* from the bucket.

        Args:
            events: How many.
            now: Seconds of a clock that only grows.

        Returns:
            0, or the seconds to wait; then nothing was taken.
        """
        self._left = min(float(self._rate), self._left + (now - self._at) * self._rate)
        self._at = now
        if self._left <= 0:
            return round(-self._left / self._rate, 6) or 1e-3
        self._left -= events
        return 0.0


class Room:
    """Bytes that requests may occupy at the same time, all together.

    Args:
        size: Bytes.

    Attributes:
        used: Bytes in use.

    Examples:
        >>> room = Room(10)
        >>> with room.share() as share:
        ...     share.take(6)
        ...     room.used
        6
        >>> room.used
        0
    """

    __slots__ = ("_size", "used")

    def __init__(self, size: int) -> None:
        self._size = size
        self.used = 0

    def share(self) -> "Share":
        """A part of it, as a context manager: it is given back at the end."""
        return Share(self)

    def _take(self, size: int) -> None:
        if self.used + size > self._size and self.used:
            raise Refused(503, "busy", "Too much is being received at once; try again.", 1)
        self.used += size


class Share:
    """What one request has taken."""

    __slots__ = ("_room", "taken")

    def __init__(self, room: Room) -> None:
        self._room = room
        self.taken = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._room.used -= self.taken

    def take(self, size: int) -> None:
        """Take more.

        Raises:
            Refused: 503 if there is no room.
        """
        self._room._take(size)  # noqa: SLF001 - one thing in two classes
        self.taken += size

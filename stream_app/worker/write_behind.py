"""Which runs are told to the world and not all in the changelog yet?

Some of their profiles are held, to be written once for several runs.
"""

from collections import deque
from collections.abc import Mapping
from typing import NamedTuple

from stream_app.shelf import Shelf

__all__ = ["WriteBehind", "Written"]

#: Of the time that a run may wait: after so much of it the next run takes it along, so that it seldom needs a delivery of
#: its own.
_TAKEN_ALONG = 0.9


class Written(NamedTuple):
    """The runs up to one of them are all in the changelog.

    Attributes:
        done: Offsets by source below which everything is.
        clock: The partition's clock as it was after the last of them.
    """

    done: dict[int, int]
    clock: bytes


class _Run(NamedTuple):
    at: float
    through: int
    done: Mapping[int, int]
    clock: bytes


class WriteBehind:
    """The runs of one partition, oldest first, until all profiles that they changed are in the changelog.

    A run may be committed when all its profiles are written. So it waits for those that it has held, which are written in
    the order in which they were held (see `stream_app.shelf.Shelf`).

    Args:
        seconds: How long a run may wait; somewhat less if others come after it.

    Examples:
        >>> behind = WriteBehind(1.0)
        >>> behind.note(2, {0: 10}, b"noon", now=0.0)
        >>> behind.note(3, {0: 15}, b"later", now=0.7)
        >>> behind.due(0.8), behind.due(0.95), behind.wait(0.95)
        (0, 2, 0.05)
        >>> behind.written(oldest_held=3)
        Written(done={0: 10}, clock=b'noon')
        >>> behind.written(oldest_held=3) is None
        True
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._runs: deque[_Run] = deque()

    def write(
        self, shelf: Shelf, done: Mapping[int, int], clock: bytes, now: float, *, is_last: bool = False
    ) -> tuple[dict[bytes, bytes], Written | None]:
        """Note a run that was just folded, and have those stored who were held long enough.

        Args:
            shelf: Holds the profiles.
            done: As for `note`.
            clock: As for `note`.
            now: As for `note`.
            is_last: Hold nobody any longer.

        Returns:
            Profiles to write, by changelog key, and the runs that are complete with them.
        """
        self.note(shelf.entered, done, clock, now)
        values = shelf.release(shelf.entered if is_last else self.due(now))
        return values, self.written(shelf.oldest_held)

    def note(self, through: int, done: Mapping[int, int], clock: bytes, now: float) -> None:
        """Note a run.

        Args:
            through: Number of the last profile held in it or before.
            done: Offsets by source below which everything is folded after it.
            clock: The partition's clock after it.
            now: Monotonic instant (s).
        """
        self._runs.append(_Run(now, through, done, clock))

    def due(self, now: float) -> int:
        """Up to which number profiles have been held long enough to go with a run; 0 for none."""
        through = 0
        for run in self._runs:
            if run.at + self._seconds * _TAKEN_ALONG > now:
                break
            through = run.through
        return through

    def wait(self, now: float) -> float | None:
        """Seconds until the oldest run can wait no longer for another one; ``None`` if there is none."""
        return round(max(self._runs[0].at + self._seconds - now, 0.0), 6) if self._runs else None

    def written(self, oldest_held: int) -> Written | None:
        """Take out the runs of which nothing is held any more, ``None`` if there are none.

        Args:
            oldest_held: Number of the profile that has been held longest.
        """
        runs, clock = self._runs, None
        done: dict[int, int] = {}
        while runs and runs[0].through < oldest_held:
            run = runs.popleft()
            done.update(run.done)
            clock = run.clock
        return None if clock is None else Written(done, clock)

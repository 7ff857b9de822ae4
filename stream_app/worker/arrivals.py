"""How long do the records of a partition wait? When each fetched run came to Kafka, until it is folded and finished."""

from collections import deque
from collections.abc import Mapping

__all__ = ["Arrivals"]


class Arrivals:
    """Instants (s, Unix time) at which the records of one partition came to Kafka, by source.

    Args:
        sources: How many sources there are; others are passed over.

    Examples:
        >>> arrivals = Arrivals(2)
        >>> arrivals.come(0, 10, 1.0)
        >>> arrivals.come(0, 20, 2.0)
        >>> arrivals.take({0: 10, 1: 7}), arrivals.take({0: 15}), arrivals.oldest(0)
        (1.0, 2.0, 1.0)
        >>> arrivals.finish({0: 10})
        >>> arrivals.oldest(0), arrivals.oldest(1)
        (2.0, None)
    """

    def __init__(self, sources: int) -> None:
        self._waiting: list[deque[tuple[int, float]]] = [deque() for _ in range(sources)]
        self._taken: list[deque[tuple[int, float]]] = [deque() for _ in range(sources)]

    def come(self, source: int, end: int, at: float) -> None:
        """A run was fetched whose offsets lie below *end*; its first record came at *at*."""
        self._waiting[source].append((end, at))

    def take(self, done: Mapping[int, int]) -> float | None:
        """Records below these offsets by source are folded now: when did the first of them come?"""
        oldest: float | None = None
        for source, offset in done.items():
            waiting = self._waiting[source] if source < len(self._waiting) else None
            if not waiting:
                continue
            oldest = waiting[0][1] if oldest is None else min(oldest, waiting[0][1])
            while waiting and waiting[0][0] <= offset:
                self._taken[source].append(waiting.popleft())
        return oldest

    def finish(self, done: Mapping[int, int]) -> None:
        """Records below these offsets by source are delivered."""
        for source, offset in done.items():
            taken = self._taken[source] if source < len(self._taken) else None
            while taken and taken[0][0] <= offset:
                taken.popleft()

    def oldest(self, source: int) -> float | None:
        """When the oldest record came that is not finished; ``None`` if none waits."""
        for runs in (self._taken[source], self._waiting[source]):
            if runs:
                return runs[0][1]
        return None

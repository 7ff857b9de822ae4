"""What was fetched of a partition and not decoded yet, by source."""

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

__all__ = ["Part", "Undecoded"]


class Part(NamedTuple):
    """The next records of a source, and whether more of it lies behind them, here or in Kafka."""

    records: Sequence[Any]
    has_more: bool


class Undecoded:
    """Fetched runs, taken out in small parts.

    A run is decoded when its turn comes: a fetch brings tens of thousands of records, and an event that was decoded long
    before it is folded has left the processor's caches, and is walked over by the collector of cycles meanwhile.

    Args:
        sources: How many there are.

    Examples:
        >>> undecoded = Undecoded(2)
        >>> undecoded.put(1, ["a", "b", "c"], has_more=False)
        >>> undecoded.count(1), list(undecoded.sources())
        (3, [1])
        >>> undecoded.take(1, 2), undecoded.take(1, 2)
        (Part(records=['a', 'b'], has_more=True), Part(records=['c'], has_more=False))
        >>> list(undecoded.sources())
        []
    """

    def __init__(self, sources: int) -> None:
        self._runs: list[deque[Sequence[Any]]] = [deque() for _ in range(sources)]
        self._first = [0] * sources
        self._count = [0] * sources
        self._has_more = [False] * sources

    def put(self, source: int, records: Sequence[Any], *, has_more: bool) -> None:
        """Add a fetched run.

        Args:
            source: Index of its source.
            records: The run, which goes on where the one before ended.
            has_more: Whether more of the source lay in Kafka when it was fetched.
        """
        self._runs[source].append(records)
        self._count[source] += len(records)
        self._has_more[source] = has_more

    def count(self, source: int) -> int:
        """Records of a source."""
        return self._count[source]

    def sources(self) -> Iterator[int]:
        """Sources of which there are any."""
        return (source for source, count in enumerate(self._count) if count)

    def take(self, source: int, most: int) -> Part:
        """Take out the first records of a source of which there are any: *most* at most, and of one run."""
        runs, first = self._runs[source], self._first[source]
        records = runs[0][first : first + most]
        self._first[source] = first + len(records)
        if self._first[source] == len(runs[0]):
            runs.popleft()
            self._first[source] = 0
        self._count[source] -= len(records)
        return Part(records, bool(runs) or self._has_more[source])

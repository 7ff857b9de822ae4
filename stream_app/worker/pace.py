"""How long may the broker gather records before it answers a fetch? As long as the process would otherwise be too busy."""

__all__ = ["Pace"]

#: Share of a core above which fetches become rarer, and below which they become more frequent again.
_BUSY = 0.75
#: Longest gathering (s), and the shortest worth asking for.
_LONGEST, _SHORTEST = 0.04, 0.002
#: A fetch that brings so many records comes from a backlog: there is nothing to wait for.
_BACKLOG = 2_000
#: By how much the gathering may change from one fetch to the next.
_SLOWER, _FASTER = 1.25, 0.8


class Pace:
    """Finds the longest wait that the load calls for.

    Every fetch costs a few milliseconds whatever it brings: the request, a run of each partition, a changelog record for
    each customer in it, two acknowledgements, Redis. A process with time to spare takes each event at once; one that
    would be busy with fetches alone lets the broker gather more for each, and so has time to spare again. That makes
    the wait as short as the load allows, and bounds it.

    Attributes:
        seconds: How long the broker may gather; 0 for not at all.

    Examples:
        >>> pace = Pace()
        >>> for _ in range(50):  # 5 ms of every fetch in 6 ms
        ...     pace.fetched(100, wall=0.006, cpu=0.005)
        >>> pace.seconds
        0.04
        >>> for _ in range(50):  # mostly waiting
        ...     pace.fetched(1, wall=0.04, cpu=0.005)
        >>> pace.seconds
        0.0
    """

    def __init__(self) -> None:
        self.seconds = 0.0

    def fetched(self, records: int, *, wall: float, cpu: float, is_behind: bool = False) -> None:
        """Note what a fetch has brought.

        Args:
            records: How many records.
            wall: Seconds since the fetch before.
            cpu: CPU seconds that the process has used since.
            is_behind: Whether more is known to wait than there is room for.
        """
        if is_behind or records >= _BACKLOG:
            self.seconds = 0.0
            return
        busy = cpu / wall if wall > 0 else 0.0
        gathering = max(self.seconds, _SHORTEST) * min(max(busy / _BUSY, _FASTER), _SLOWER)
        self.seconds = 0.0 if gathering < _SHORTEST else min(gathering, _LONGEST)

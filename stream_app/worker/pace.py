"""How long may the broker gather records before it answers a fetch? The longer, the busier the process is."""

__all__ = ["BACKLOG", "Pace"]

#: Shares of a core: below the first nothing is gathered, from the second on as long as may be.
_IDLE, _BUSY = 0.35, 0.85
#: Longest gathering (s), and the shortest worth asking for.
_LONGEST, _SHORTEST = 0.04, 0.002
BACKLOG = 2_000
"""So many records are a backlog: a fetch that brings them has nothing to wait for."""
#: Weight of the newest fetch in the mean: some hundred milliseconds are looked back on.
_NEWEST = 0.1


class Pace:
    """Finds the wait that the load calls for.

    Every fetch costs a few milliseconds whatever it brings: the request, a run of each partition, a changelog record for
    each customer in it, two acknowledgements, Redis. A process with time to spare takes each event at once; the busier it
    is, the longer it lets the broker gather, which makes it less busy again. So the wait settles where it keeps a core
    from being used up, long before queues would grow, and it is bounded.

    Attributes:
        seconds: How long the broker may gather; 0 for not at all.

    Examples:
        >>> pace = Pace()
        >>> for _ in range(50):  # 5 ms of every fetch in 6 ms
        ...     pace.fetched(100, wall=0.006, cpu=0.005)
        >>> round(pace.seconds, 3)
        0.038
        >>> for _ in range(50):  # mostly waiting
        ...     pace.fetched(1, wall=0.04, cpu=0.005)
        >>> pace.seconds
        0.0
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self._busy = 0.0

    def fetched(self, records: int, *, wall: float, cpu: float, is_behind: bool = False) -> None:
        """Note what a fetch has brought.

        Args:
            records: How many records.
            wall: Seconds since the fetch before.
            cpu: CPU seconds that the process has used since.
            is_behind: Whether more is known to wait than there is room for.
        """
        busy = cpu / wall if wall > 0 else 0.0
        self._busy += (busy - self._busy) * _NEWEST
        if is_behind or records >= BACKLOG:
            self.seconds = 0.0
            return
        share = min(max((self._busy - _IDLE) / (_BUSY - _IDLE), 0.0), 1.0)
        self.seconds = _LONGEST * share if _LONGEST * share >= _SHORTEST else 0.0

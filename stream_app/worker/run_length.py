"""How many records may one run hold? Fewer where each costs more, for nothing else happens while a run is folded."""

__all__ = ["RunLength"]

#: Seconds that the folding of a run may take: a small part of a session, whatever the clock, the lifecycles, the machine.
_LONGEST = 0.5
#: Records of the shortest run worth making.
_SHORTEST = 200
#: Weight of the newest run in the mean.
_NEWEST = 0.3


class RunLength:
    """Finds the length of a run from what the last ones have cost.

    With the event clock every event is evaluated by itself, and a machine may be busy with other things: the same number of
    records can take ten times as long. The longer a run, the fewer evaluations and writes each event needs.

    Args:
        most: Records of the longest run.

    Attributes:
        records: How many records the next run may hold.

    Examples:
        >>> length = RunLength(10_000)
        >>> length.records
        10000
        >>> length.took(1000, 0.25)  # 250 µs each
        >>> length.records
        2000
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._each = 0.0
        self.records = most

    def took(self, records: int, seconds: float) -> None:
        """Note that the folding of a run of so many records took so long."""
        self._each += (seconds / records - self._each) * (_NEWEST if self._each else 1.0)
        fitting = int(_LONGEST / self._each) if self._each > 0.0 else self._most
        self.records = min(self._most, max(_SHORTEST, fitting))

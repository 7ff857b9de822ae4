"""Up to which offset is everything of one partition finished?"""

__all__ = ["Progress"]


class Progress:
    """Offsets of one partition that were begun and ended, in whatever order they end.

    Args:
        start: First offset.

    Examples:
        >>> progress = Progress(5)
        >>> for offset in (5, 6, 9): progress.begin(offset)
        >>> progress.end(6); progress.upto
        5
        >>> progress.end(5); progress.upto
        9
        >>> progress.end(9); progress.upto, progress.has_moved(), progress.has_moved()
        (10, True, False)
    """

    def __init__(self, start: int) -> None:
        self._open: dict[int, None] = {}
        self._next = start
        self._told = start

    def begin(self, offset: int) -> None:
        """Note a record under way; offsets only grow."""
        self._open[offset] = None
        self._next = offset + 1

    def end(self, offset: int) -> None:
        """Note a record that is finished."""
        self._open.pop(offset, None)

    @property
    def upto(self) -> int:
        """The first offset that is not finished."""
        return next(iter(self._open), self._next)

    def has_moved(self) -> bool:
        """Whether `upto` has grown since this was last asked."""
        told, self._told = self._told, self.upto
        return self._told > told

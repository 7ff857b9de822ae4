"""Timers of more customers than fit into memory: the next few in a heap, all in the table's own index."""

from collections.abc import Callable, Iterator

from state import FAR, DueHeap
from state.due import entry_of

__all__ = ["DueWindow"]

Load = Callable[[bytes, int], tuple[list[bytes], bytes]]

#: Entries read at once: some milliseconds.
_LOAD = 2000
#: Entries in memory beyond which the later half is left to the index again.
_MOST = 20_000
#: Behind every entry.
_END = b"\xff"


class DueWindow:
    r"""The next instant (µs) of each customer, in memory as far as the window reaches; see `state.Timers`.

    Whoever is scheduled has been put into the table before, so the index knows everybody; the window says how much of
    it is in memory. It moves on when it is used up, and is drawn in when too many are scheduled inside it.

    Args:
        load: Entries of the index (`state.due.entry_of`) behind a given one, in order, at most so many; and up to
            where they are complete, ``b"\xff"`` if nothing comes after them.
        most: Entries in memory.
    """

    def __init__(self, load: Load, most: int = _MOST) -> None:
        self._load = load
        self._most = most
        self._near = DueHeap()
        self._until = b""  # the last entry within the window

    def __len__(self) -> int:
        return len(self._near)

    def schedule(self, key: bytes, due: int) -> None:
        """Make *due* the instant of *key*; FAR removes it."""
        if due < FAR and entry_of(due, key) <= self._until:
            self._near.schedule(key, due)
            if len(self._near) > self._most:
                self._until = self._near.keep_first(self._most // 2)
        else:
            self._near.remove(key)

    def next_due(self) -> int:
        """The earliest instant of all, FAR if there is none."""
        while not len(self._near) and self._until != _END:
            entries, self._until = self._load(self._until, min(_LOAD, self._most))
            self._near = DueHeap({entry[8:]: entry for entry in entries})
        return self._near.next_due()

    def pop_until(self, until: int) -> Iterator[tuple[int, bytes]]:
        """Take out, in order of instant and then key, what is due at or before *until*."""
        while self.next_due() <= until and len(self._near):
            yield from self._near.pop_until(until)

"""Who is due next: a heap of instants with at most one live entry a customer.

An event mostly moves a customer's next instant further away. Such a postponement only changes a dictionary;
the entry in the heap stays where it is and is put back, once, when its old instant comes up. So the usual
cost per event is O(1).
"""

from collections.abc import Iterable, Iterator
from heapq import heapify, heappop, heappush, heapreplace

from state.instants import FAR


class DueHeap:
    """The next instant (µs) of each customer of a partition; rebuilt from the table on recovery.

    Args:
        items: Pairs of key and instant to start with; O(n).

    Examples:
        >>> heap = DueHeap([("ann", 50), ("bob", 20)])
        >>> heap.schedule("ann", 10)
        >>> heap.schedule("bob", 70)
        >>> list(heap.pop_until(60)), len(heap), heap.next_due()
        ([(10, 'ann')], 1, 70)
    """

    __slots__ = ("_due", "_heap", "_queued")

    def __init__(self, items: Iterable[tuple[str, int]] = ()) -> None:
        self._due = {key: due for key, due in items if due < FAR}
        self._queued = dict(self._due)  # the earliest heap entry of each key
        self._heap = [(due, key) for key, due in self._due.items()]
        heapify(self._heap)

    def __len__(self) -> int:
        return len(self._due)

    def __contains__(self, key: str) -> bool:
        return key in self._due

    def due_of(self, key: str) -> int:
        """The instant of *key*, FAR if it has none."""
        return self._due.get(key, FAR)

    def schedule(self, key: str, due: int) -> None:
        """Make *due* (µs) the instant of *key*; FAR removes it. O(1) if later, else O(log n)."""
        if due >= FAR:
            self.remove(key)
            return
        self._due[key] = due
        queued = self._queued.get(key)
        if queued is None or due < queued:
            self._queued[key] = due
            heappush(self._heap, (due, key))
            if len(self._heap) > 2 * len(self._due) + 64:
                self._compact()

    def remove(self, key: str) -> None:
        """Forget *key*; no error if it has no instant."""
        if self._due.pop(key, None) is not None:
            del self._queued[key]

    def next_due(self) -> int:
        """The earliest instant of all, FAR if there is none."""
        self._settle()
        return self._heap[0][0] if self._heap else FAR

    def pop_until(self, until: int) -> Iterator[tuple[int, str]]:
        """Take out, in order of instant and then key, what is due at or before *until* (µs).

        Whoever is scheduled again while the caller iterates, at or before *until*, comes up again in the same
        pass.
        """
        while self._heap and self._heap[0][0] <= until:
            self._settle()
            if not self._heap or self._heap[0][0] > until:
                return
            due, key = heappop(self._heap)
            del self._due[key], self._queued[key]
            yield due, key

    def _settle(self) -> None:
        """Bring a live entry to the top: drop what was superseded, put back what was postponed."""
        heap = self._heap
        while heap:
            due, key = heap[0]
            if self._queued.get(key) != due:
                heappop(heap)
            elif self._due[key] != due:
                self._queued[key] = self._due[key]
                heapreplace(heap, (self._due[key], key))
            else:
                return

    def _compact(self) -> None:
        """Drop superseded entries once they outnumber the live ones: amortised O(1) per schedule."""
        self._queued = dict(self._due)
        self._heap = [(due, key) for key, due in self._due.items()]
        heapify(self._heap)

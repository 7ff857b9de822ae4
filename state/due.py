"""Who is due next: a heap of instants with at most one live entry a customer.

An event mostly moves a customer's next instant further away. Such a postponement only changes a dictionary;
the entry in the heap stays where it is and is put back, once, when its old instant comes up. So the usual
cost per event is O(1).

An entry is one string of bytes, the instant (8, big-endian) and the key: such strings sort by instant and then key,
take a third of the memory of a tuple, and are nothing for the garbage collector to look at.
"""

from collections.abc import Iterable, Iterator
from heapq import heapify, heappop, heappush, heapreplace, nsmallest
from itertools import chain

from state.instants import FAR

INSTANT = 8
"""Bytes of the instant at the front of an entry."""


def entry_of(due: int, key: bytes) -> bytes:
    r"""The entry of *key* at *due* (µs); before 1970 is the beginning of 1970.

    Examples:
        >>> entry_of(258, b"ann")
        b'\x00\x00\x00\x00\x00\x00\x01\x02ann'
    """
    return (due if due > 0 else 0).to_bytes(INSTANT, "big") + key  # noqa: FURB136 - cheaper than a call to max


def instant_of(entry: bytes) -> int:
    """The instant (µs) of an entry."""
    return int.from_bytes(entry[:INSTANT], "big")


class DueHeap:
    """The next instant (µs) of each customer of a partition, by the key of its profile.

    Args:
        entries: What to start with, by key: each is the `entry_of` it; taken over; O(n).

    Examples:
        >>> heap = DueHeap({b"ann": entry_of(50, b"ann"), b"bob": entry_of(20, b"bob")})
        >>> heap.schedule(b"ann", 10)
        >>> heap.schedule(b"bob", 70)
        >>> list(heap.pop_until(60)), len(heap), heap.next_due()
        ([(10, b'ann')], 1, 70)
    """

    __slots__ = ("_heap", "_postponed", "_queued")

    def __init__(self, entries: dict[bytes, bytes] | None = None) -> None:
        self._queued = {} if entries is None else entries  # the earliest heap entry of each key
        self._postponed: dict[bytes, bytes] = {}  # where a key's real instant is later than that
        self._heap = list(self._queued.values())
        heapify(self._heap)

    def __len__(self) -> int:
        return len(self._queued)

    def __contains__(self, key: bytes) -> bool:
        return key in self._queued

    def due_of(self, key: bytes) -> int:
        """The instant of *key*, FAR if it has none."""
        entry = self._postponed.get(key) or self._queued.get(key)
        return FAR if entry is None else instant_of(entry)

    def schedule(self, key: bytes, due: int) -> None:
        """Make *due* (µs) the instant of *key*; FAR removes it. O(1) if later, else O(log n)."""
        if due >= FAR:
            self.remove(key)
            return
        entry = entry_of(due, key)
        queued = self._queued.get(key)
        if queued is None or entry < queued:
            self._queued[key] = entry
            self._postponed.pop(key, None)
            heappush(self._heap, entry)
            if len(self._heap) > 2 * len(self._queued) + 64:
                self._compact()
        else:
            self._postponed[key] = entry

    def admit(self, entries: Iterable[bytes]) -> None:
        """Take up entries of keys that have none."""
        for entry in entries:
            self._queued[entry[INSTANT:]] = entry
            heappush(self._heap, entry)

    def remove(self, key: bytes) -> None:
        """Forget *key*; no error if it has no instant."""
        if self._queued.pop(key, None) is not None:
            self._postponed.pop(key, None)

    def next_due(self) -> int:
        """The earliest instant of all, FAR if there is none."""
        self._settle()
        return instant_of(self._heap[0]) if self._heap else FAR

    def pop_until(self, until: int) -> Iterator[tuple[int, bytes]]:
        """Take out, in order of instant and then key, what is due at or before *until* (µs).

        Whoever is scheduled again while the caller iterates, at or before *until*, comes up again in the same
        pass.
        """
        while self.next_due() <= until:
            if not self._heap:
                return
            entry = heappop(self._heap)
            key = entry[INSTANT:]
            self.remove(key)
            yield instant_of(entry), key

    def keep_first(self, count: int) -> bytes:
        """Forget all but the *count* earliest; returns the last entry that is kept.

        O(n log n); there must be at least one.
        """
        live = chain(
            self._postponed.values(),
            (entry for key, entry in self._queued.items() if key not in self._postponed),
        )
        first = nsmallest(count, live)
        self._queued = {entry[INSTANT:]: entry for entry in first}
        self._postponed.clear()
        self._heap = first  # sorted, so it is a heap
        return first[-1]

    def _settle(self) -> None:
        """Bring a live entry to the top: drop what was superseded, put back what was postponed."""
        heap = self._heap
        while heap:
            entry = heap[0]
            key = entry[INSTANT:]
            if self._queued.get(key) != entry:
                heappop(heap)
                continue
            later = self._postponed.pop(key, None)
            if later is None:
                return
            self._queued[key] = later
            heapreplace(heap, later)

    def _compact(self) -> None:
        """Drop superseded entries once they outnumber the live ones: amortised O(1) per schedule."""
        self._heap = list(self._queued.values())
        heapify(self._heap)

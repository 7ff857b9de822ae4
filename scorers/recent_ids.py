"""Was this example seen before, in bounded memory?"""

from collections import deque
from hashlib import blake2b

LAST_IDS = 16384


class RecentIds:
    """The last ids, oldest forgotten first.

    Ids are kept as 64-bit hashes: two different ones collide once in about 10**15 pairs.

    Args:
        limit: How many are remembered.

    Examples:
        >>> seen = RecentIds(2)
        >>> [seen.add(name) for name in ("a", "a", "b", "c", "a")]
        [True, False, True, True, True]
    """

    def __init__(self, limit: int = LAST_IDS) -> None:
        self._order: deque[int] = deque(maxlen=limit)
        self._known: set[int] = set()

    def add(self, name: str) -> bool:
        """Remember an id; tell whether it is new."""
        digest = int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "big")
        if digest in self._known:
            return False
        if len(self._order) == self._order.maxlen:
            self._known.discard(self._order[0])
        self._order.append(digest)
        self._known.add(digest)
        return True

    def __reduce__(self) -> tuple[object, tuple[int, bytes]]:
        packed = b"".join(digest.to_bytes(8, "big") for digest in self._order)
        return _recent_ids, (self._order.maxlen or 0, packed)


def _recent_ids(limit: int, packed: bytes) -> RecentIds:
    seen = RecentIds(limit)
    digests = [int.from_bytes(packed[i : i + 8], "big") for i in range(0, len(packed), 8)]
    seen._order.extend(digests)  # noqa: SLF001 - the other half of __reduce__
    seen._known.update(digests)  # noqa: SLF001
    return seen

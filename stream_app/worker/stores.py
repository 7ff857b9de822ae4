"""Where the profiles of one partition are kept between two events."""

from collections.abc import Iterator, Mapping
from typing import Protocol

from state import Surveying, survey
from stream_app.profile_store import OWN, Store

__all__ = ["MemoryStore", "TableStore"]


class TableStore(Store, Protocol):
    """A store that knows how far it agrees with the changelog.

    A value that is put can be read at once. It belongs to the store's durable part when `acknowledge` names it, and not
    before: what is on disk is never ahead of the changelog.

    Attributes:
        position: Changelog offset up to which the store agrees with the changelog; 0 if it has read nothing.
        epoch: Highest ownership epoch seen in the changelog up to there, or announced (see `stream_app.worker.changelog`).
        passed_over: Keys of whose records the last one read is stale. Compaction will keep that one, so the next epoch
            begins with their values.
    """

    position: int
    epoch: int
    passed_over: set[bytes]

    def acknowledge(self, values: Mapping[bytes, bytes], position: int) -> None:
        """Note that the changelog holds *values*, which were put before, and that the store agrees with it up to *position*.

        Calls come in the order of the changelog.
        """

    def clear(self) -> None:
        """Forget everything: the store begins anew at position 0."""

    def close(self) -> None:
        """Give the store up; it is not used again."""


class MemoryStore:
    """Profiles in a dictionary, rebuilt from the changelog when a partition comes to this process.

    Examples:
        >>> store = MemoryStore()
        >>> store.put(b"ann", b"profile")
        >>> store.acknowledge({b"ann": b"profile"}, 1)
        >>> store.get(b"ann"), store.position
        (b'profile', 1)
    """

    __slots__ = ("_values", "epoch", "passed_over", "position")

    def __init__(self) -> None:
        self._values: dict[bytes, bytes] = {}
        self.passed_over: set[bytes] = set()
        self.position = 0
        self.epoch = 0

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: bytes) -> bytes | None:
        """Value of *key*, ``None`` if there is none."""
        return self._values.get(key)

    def put(self, key: bytes, value: bytes) -> None:
        """Replace the value of *key*."""
        self._values[key] = value

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """All keys and values, as of now."""
        return zip(list(self._values), list(self._values.values()), strict=True)

    def survey(self, committed: Mapping[int, int]) -> Surveying:
        """Look at every profile's head."""
        return survey((item for item in self._values.items() if item[0][:1] != OWN), committed)

    def acknowledge(self, values: Mapping[bytes, bytes], position: int) -> None:  # noqa: ARG002 - nothing is durable here
        """Agree with the changelog up to *position*."""
        self.position = position

    def clear(self) -> None:
        """Forget everything."""
        self._values.clear()
        self.passed_over.clear()
        self.position = self.epoch = 0

    def close(self) -> None:
        """Nothing to give back: as long as the partition stays with this process, its store is used again."""

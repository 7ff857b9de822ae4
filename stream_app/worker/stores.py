"""Where the profiles of one partition are kept between two events."""

from collections.abc import Iterator

__all__ = ["MemoryStore"]


class MemoryStore:
    """Profiles in a dictionary, rebuilt from the changelog at every start.

    Attributes:
        position: Changelog offset up to which the store is known to agree with the changelog.
        epoch: Highest ownership epoch seen in the changelog (see `stream_app.worker.table`).
    """

    __slots__ = ("_values", "epoch", "position")

    def __init__(self) -> None:
        self._values: dict[bytes, bytes] = {}
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
        return iter(list(self._values.items()))

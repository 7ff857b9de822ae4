"""What the engine asks of the place where profiles are kept."""

from collections.abc import Iterator, Mapping
from typing import Protocol

from state import Surveying

__all__ = ["OWN", "Store"]

#: With this begin the keys of the partition's own records; no customer id is encoded like this, for ids are UTF-8.
OWN = b"\xff"


class Store(Protocol):
    """Profiles of one partition by customer id, encoded."""

    def get(self, key: bytes) -> bytes | None:
        """Stored value of *key*."""

    def put(self, key: bytes, value: bytes) -> None:
        """Replace the value of *key*; it can be read at once, and becomes durable with the changelog."""

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """All keys and values, as of now."""

    def survey(self, committed: Mapping[int, int]) -> Surveying:
        """What a start must know of all customers; nothing may be put until it is complete.

        Args:
            committed: Committed offset by source: outputs stamped below it have been delivered.
        """

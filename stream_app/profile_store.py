"""What the engine asks of the place where profiles are kept."""

from collections.abc import Iterator
from typing import Protocol

__all__ = ["Store"]


class Store(Protocol):
    """Profiles of one partition by customer id, encoded."""

    def get(self, key: bytes) -> bytes | None:
        """Stored value of *key*."""

    def put(self, key: bytes, value: bytes) -> None:
        """Replace the value of *key*; it can be read at once, and becomes durable with the changelog."""

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """All keys and values."""

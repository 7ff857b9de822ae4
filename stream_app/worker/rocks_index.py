"""What a table on disk knows of its customers besides their profiles: who is due when, who is owed, how many are alike.

All of it follows from the heads of the stored profiles and changes in the same batch, so it is never behind or ahead of
them, and a start reads it instead of them.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Literal

from rocksdict import Rdict, WriteBatch

from state import FAR, StateError
from state.codec import with_head
from state.head import DUE, NOTHING_OWED, OWED, OWED_SOURCE, group_bytes, size_of_head

__all__ = ["INDEX", "UNREADABLE", "RocksIndex", "entries_behind", "head_bytes", "is_due"]

#: Beginnings of keys in the index; no customer id, and no key of a changelog record, begins like this.
INDEX = b"\xff\xfe"
DUE_KEYS, OWED_KEYS, GROUP_KEYS = INDEX + b"d", INDEX + b"o", INDEX + b"g"
_FAR = FAR.to_bytes(8, "big")
#: The head of what cannot be read. It is indexed like a profile that waits for nothing; whoever needs it says what is wrong.
UNREADABLE = bytes([0])


def head_bytes(value: bytes) -> bytes:
    """The head of a stored profile, whatever its layout."""
    try:
        stored = with_head(value)
    except StateError:
        return UNREADABLE
    return stored[: size_of_head(stored)]


class RocksIndex:
    """The index of one database.

    Args:
        db: The database, whose index agrees with its profiles.
    """

    def __init__(self, db: Rdict) -> None:
        self._db = db
        self.groups: Counter[bytes] = Counter()
        for key, value in entries_behind(db, GROUP_KEYS, b""):
            self.groups[key] = int.from_bytes(value, "big")

    def replace(self, batch: WriteBatch, key: bytes, before: bytes | None, after: bytes) -> set[bytes]:
        """Add to *batch* what it means for the index that the head of *key* changes.

        Returns:
            Groups whose number has changed; `count` writes them.
        """
        old = before or UNREADABLE
        if old[DUE] != after[DUE]:
            _move(batch, DUE_KEYS, is_due(old) and old[DUE] + key, is_due(after) and after[DUE] + key)
        if old[OWED] != after[OWED]:
            _move(batch, OWED_KEYS, _is_owed(old) and old[OWED] + key, _is_owed(after) and after[OWED] + key)
        left, joined = None if before is None else _group(before), _group(after)
        if left == joined:
            return set()
        self.groups[joined] += 1
        if left is None:
            return {joined}
        self.groups[left] -= 1
        return {left, joined}

    def count(self, batch: WriteBatch, groups: set[bytes]) -> None:
        """Add the numbers of *groups* to *batch*."""
        for group in groups:
            batch.put(GROUP_KEYS + group, self.groups[group].to_bytes(8, "big"))

    def owed(self, committed: Mapping[int, int]) -> Iterator[bytes]:
        """Keys of customers to whom outputs are owed that may not have been delivered."""
        source = 0
        while (found := next(entries_behind(self._db, OWED_KEYS, bytes([source])), None)) is not None:
            source = found[0][0]
            committed_to = committed.get(source, 0).to_bytes(8, "big")
            for stamp, _ in entries_behind(self._db, OWED_KEYS + bytes([source]), committed_to):
                yield stamp[8:]
            source += 1

    def due(self, after: bytes) -> Iterator[bytes]:
        """Entries of those who are due, as in `state.due`, behind *after*."""
        for entry, _ in entries_behind(self._db, DUE_KEYS, after):
            if entry > after:
                yield entry


def _move(
    batch: WriteBatch, begins: bytes, before: bytes | Literal[False], after: bytes | Literal[False]
) -> None:
    if before:
        batch.delete(begins + before)
    if after:
        batch.put(begins + after, b"")


def _group(head: bytes) -> bytes:
    return b"" if head == UNREADABLE else group_bytes(head)


def is_due(head: bytes) -> bool:
    """Whether there is a next instant at all."""
    return b"" < head[DUE] < _FAR


def _is_owed(head: bytes) -> bool:
    return head != UNREADABLE and head[OWED_SOURCE] != NOTHING_OWED


def entries_behind(db: Rdict, begins: bytes, after: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Keys that begin with *begins*, without it, from *after* on, and their values."""
    stored = db.iter()
    stored.seek(begins + after)
    while stored.valid():
        key: bytes = stored.key()
        if not key.startswith(begins):
            break
        yield key[len(begins) :], stored.value()
        stored.next()
    stored.status()  # it also ends, as if complete, where a block cannot be read

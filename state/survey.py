"""What a start wants to know of all customers of a partition, gathered from the heads of their profiles."""

from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Mapping
from typing import Protocol

from state.codec import with_head
from state.due import DueHeap
from state.head import DUE, HEAD_BYTES, LAYOUT, Group, group_bytes, group_of, owes
from state.instants import FAR

_NOW = bytes([LAYOUT])
_FAR = FAR.to_bytes(8, "big")
SLICE = 2000
"""Customers between two chances for others: some milliseconds."""


class Timers(Protocol):
    """The next instant (µs) of each customer, by the key of its profile; see `state.due.DueHeap`."""

    def schedule(self, key: bytes, due: int) -> None:
        """Make *due* the instant of *key*; FAR removes it."""

    def next_due(self) -> int:
        """The earliest instant of all, FAR if there is none."""

    def pop_until(self, until: int) -> Iterator[tuple[int, bytes]]:
        """Take out, in order, what is due at or before *until*."""


class Survey:
    """All customers of a partition, as far as a start must know them.

    Args:
        groups: How many customers are counted alike, by `state.head.group_bytes`.
        timers: Who is due when.
        owing: Keys and stored profiles of those to whom outputs are owed that may not have been delivered.
    """

    __slots__ = ("_groups", "owing", "timers")

    def __init__(
        self, groups: Mapping[bytes, int], timers: Timers, owing: Iterable[tuple[bytes, bytes]]
    ) -> None:
        self._groups = groups
        self.timers = timers
        self.owing = owing

    def groups(self) -> Iterator[tuple[Group, int]]:
        """Who is counted alike, and how many they are."""
        for group, number in self._groups.items():
            if number:
                yield group_of(group), number


Surveying = Generator[None, None, Survey]
"""A survey in slices: what it returns is complete, what it yields are chances for others."""


def survey(profiles: Iterable[tuple[bytes, bytes]], committed: Mapping[int, int]) -> Surveying:
    """Survey profiles one by one.

    Args:
        profiles: Keys and stored profiles, each key once.
        committed: Committed offset by source: what is stamped below it has been delivered.

    Raises:
        StateError: If a profile cannot be read.
    """
    groups: Counter[bytes] = Counter()
    entries: dict[bytes, bytes] = {}
    owing: list[tuple[bytes, bytes]] = []
    for number, (key, value) in enumerate(profiles, 1):
        stored = value if value[:1] == _NOW and len(value) > HEAD_BYTES else with_head(value)
        groups[group_bytes(stored)] += 1
        if stored[DUE] < _FAR:
            entries[key] = stored[DUE] + key
        if owes(stored, committed):
            owing.append((key, stored))
        if not number % SLICE:
            yield
    return Survey(groups, DueHeap(entries), owing)

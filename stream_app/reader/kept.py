"""Profiles that were read and are still true, bounded in number and in age."""

from collections import OrderedDict
from threading import Lock
from typing import NamedTuple

from stream_app.reader.profile import StageProfile

__all__ = ["Asking", "Kept"]


class _Entry(NamedTuple):
    profile: StageProfile
    at: float


class Asking:
    """A read on its way, and whose keys have changed meanwhile: its answer may be older than the change."""

    __slots__ = ("changed", "everything")

    def __init__(self) -> None:
        self.changed: set[str] = set()
        self.everything = False


class Kept:
    """Profiles by the id under which they were asked for, the longest unused forgotten first. Threads may share it.

    Args:
        most: Profiles to keep.
        max_age: Seconds after which a profile is read again even if nobody said that it changed.
        max_stale: Seconds for which it may be served while Redis is away.
    """

    def __init__(self, most: int, max_age: float, max_stale: float) -> None:
        self._most = most
        self._max_age = max_age
        self._max_stale = max_stale
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._asked_as: dict[str, set[str]] = {}
        self._asking: set[Asking] = set()
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._entries)

    def true_now(self, asked: str, now: float) -> StageProfile | None:
        """The profile kept under *asked*, if it is young enough."""
        with self._lock:
            entry = self._entries.get(asked)
            if entry is None or now - entry.at > self._max_age:
                return None
            self._entries.move_to_end(asked)
            return entry.profile

    def last_known(self, asked: str, now: float) -> StageProfile | None:
        """The profile kept under *asked*, if it is young enough for a time without Redis."""
        entry = self._entries.get(asked)
        return None if entry is None or now - entry.at > self._max_stale else entry.profile

    def begin(self) -> Asking:
        """Note that a read begins; end it with `end`."""
        asking = Asking()
        with self._lock:
            self._asking.add(asking)
        return asking

    def end(self, asking: Asking) -> None:
        """Note that a read has ended."""
        with self._lock:
            self._asking.discard(asking)

    def keep(self, asking: Asking, asked: str, profile: StageProfile, now: float) -> None:
        """Keep what a read has found, unless it changed meanwhile."""
        with self._lock:
            if asking.everything or not asking.changed.isdisjoint((asked, profile.customer_id)):
                return
            self._drop(asked)
            self._entries[asked] = _Entry(profile, now)
            self._asked_as.setdefault(profile.customer_id, set()).add(asked)
            while len(self._entries) > self._most:
                self._drop(next(iter(self._entries)))

    def changed(self, customer: str) -> None:
        """Drop what is kept of *customer*, under whatever id it was asked for."""
        with self._lock:
            for asking in self._asking:
                asking.changed.add(customer)
            for asked in (customer, *self._asked_as.get(customer, ())):
                self._drop(asked)

    def forget_all(self) -> None:
        """Drop everything: changes may have been missed."""
        with self._lock:
            for asking in self._asking:
                asking.everything = True
            self._entries.clear()
            self._asked_as.clear()

    def _drop(self, asked: str) -> None:
        entry = self._entries.pop(asked, None)
        if entry is not None:
            names = self._asked_as[entry.profile.customer_id]
            names.discard(asked)
            if not names:
                del self._asked_as[entry.profile.customer_id]

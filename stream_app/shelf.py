"""The profiles of one partition at hand: decoded, stored with what they owe, and sorted by when they are due."""

from collections.abc import Iterable, Iterator, Mapping

from state import DueHeap, Profile, Timers, decode_profile, encode_profile
from stream_app.outputs import Output
from stream_app.profile_store import OWN, Store
from stream_app.recent import RecentProfiles
from stream_app.topics import READ

__all__ = ["Shelf"]

_TICKS = READ.index("ticks")


class Shelf:
    """Profiles by customer id.

    Args:
        store: Where they are kept, encoded.
        recent: Decoded profiles to keep at hand, see `RecentProfiles`.

    Attributes:
        timers: Who is due when.
    """

    def __init__(self, store: Store, recent: int) -> None:
        self.store = store
        self.timers: Timers = DueHeap()
        self._delivered: dict[int, int] = {}
        self._recent = RecentProfiles(recent)

    def begin(self, committed: Mapping[int, int]) -> None:
        """Trust nothing but the store: the partition was somebody else's meanwhile."""
        self._delivered = dict(committed)
        self._recent.clear()

    def load(self, customer: str) -> Profile | None:
        """The profile as it is stored; whoever changes it must store it with `keep`."""
        recent = self._recent.get(customer)
        if recent is not None:
            return recent
        value = self.store.get(customer.encode())
        return None if value is None else decode_profile(value)

    def items(self) -> Iterator[tuple[str, Profile]]:
        """All that is stored, decoded."""
        for key, value in self.store.items():
            if not key.startswith(OWN):
                yield key.decode(), decode_profile(value)

    @property
    def next_stamp(self) -> tuple[int, int]:
        """The stamp of what is done next, of the ticks if there are any: they go on whatever else happens."""
        return max((stamp for stamp in self._delivered.items() if stamp[0] <= _TICKS), default=(0, 0))

    def delivered(self, source: int, offset: int) -> None:
        """Note that everything stamped below *offset* of *source* has been delivered."""
        self._delivered[source] = max(offset, self._delivered.get(source, 0))

    def keep(
        self,
        profiles: Mapping[str, Profile],
        outputs: Iterable[Output],
        stamp: tuple[int, int],
        written_under: int,
    ) -> dict[bytes, bytes]:
        """Store changed profiles, each with what it has still to publish.

        Args:
            profiles: By customer id.
            outputs: What the run has brought about.
            stamp: Source and offset that are committed when, and only when, the run is delivered.
            written_under: Identity of the description of lifecycles and windows.

        Returns:
            The changed profiles as they are stored.
        """
        owed: dict[bytes, list[tuple[int, int, int, bytes]]] = {}
        for output in outputs:
            owed.setdefault(output.key, []).append((*stamp, output.kind, output.payload))
        delivered, changed = self._delivered, {}
        put, schedule, keep = self.store.put, self.timers.schedule, self._recent.keep
        for customer, profile in profiles.items():
            key = customer.encode()
            profile.revision += 1
            profile.written_under = written_under
            if profile.outbox:
                profile.outbox = [entry for entry in profile.outbox if entry[1] >= delivered.get(entry[0], 0)]
            if key in owed:
                profile.outbox += owed[key]
            changed[key] = value = encode_profile(profile)
            put(key, value)
            schedule(key, profile.due)
            keep(customer, profile)
        return changed

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

    A profile that owes nothing may be *held*: kept decoded, and stored later, once for all that has happened meanwhile.
    Encoding and writing cost more than folding an event, and most profiles change again soon.

    Args:
        store: Where they are kept, encoded.
        recent: Decoded profiles to keep at hand, see `RecentProfiles`.
        hold: How many may be held; 0 for none.

    Attributes:
        timers: Who is due when.
        entered: How many have ever been held; counts on.
    """

    def __init__(self, store: Store, recent: int, hold: int = 0) -> None:
        self.store = store
        self.timers: Timers = DueHeap()
        self.entered = 0
        self._delivered: dict[int, int] = {}
        self._recent = RecentProfiles(recent)
        self._most_held = hold
        #: Longest held first, each with its number.
        self._held: dict[str, tuple[int, Profile]] = {}

    def begin(self, committed: Mapping[int, int]) -> None:
        """Trust nothing but the store: the partition was somebody else's meanwhile."""
        self._delivered = dict(committed)
        self._recent.clear()
        self._held.clear()

    def load(self, customer: str) -> Profile | None:
        """The profile as it is now; whoever changes it must store it with `keep`."""
        recent = self._recent.get(customer)
        if recent is not None:
            return recent
        held = self._held.get(customer)
        if held is not None:
            return held[1]
        value = self.store.get(customer.encode())
        return None if value is None else decode_profile(value)

    def items(self) -> Iterator[tuple[str, Profile]]:
        """All that are stored or held."""
        held = {customer: profile for customer, (_, profile) in self._held.items()}
        for key, value in self.store.items():
            if not key.startswith(OWN):
                customer = key.decode()
                yield customer, held.pop(customer) if customer in held else decode_profile(value)
        yield from held.items()

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
        """Take changed profiles: those of whom something is to be published are stored with it, others may be held.

        Args:
            profiles: By customer id.
            outputs: What the run has brought about.
            stamp: Source and offset that are committed when, and only when, the run is delivered.
            written_under: Identity of the description of lifecycles and windows.

        Returns:
            The profiles that were stored, as they are stored.
        """
        owed: dict[bytes, list[tuple[int, int, int, bytes]]] = {}
        for output in outputs:
            owed.setdefault(output.key, []).append((*stamp, output.kind, output.payload))
        changed: dict[bytes, bytes] = {}
        delivered, held, is_holding = self._delivered, self._held, self._most_held > 0
        schedule, keep = self.timers.schedule, self._recent.keep
        for customer, profile in profiles.items():
            key = customer.encode()
            profile.revision += 1
            profile.written_under = written_under
            if profile.outbox:
                profile.outbox = [entry for entry in profile.outbox if entry[1] >= delivered.get(entry[0], 0)]
            keep(customer, profile)
            owes = owed.get(key)
            if owes is None and is_holding:
                schedule(key, profile.due)
                if customer not in held:
                    self.entered += 1
                    held[customer] = (self.entered, profile)
                continue
            if owes is not None:
                profile.outbox += owes
            held.pop(customer, None)
            self._store(key, profile, changed)
        return changed

    def release(self, through: int) -> dict[bytes, bytes]:
        """Store who has been held longest: up to number *through*, and as many as there are too many.

        Returns:
            The profiles that were stored, as they are stored.
        """
        changed: dict[bytes, bytes] = {}
        held = self._held
        while held:
            customer = next(iter(held))
            number, profile = held[customer]
            if number > through and len(held) <= self._most_held:
                break
            del held[customer]
            self._store(customer.encode(), profile, changed)
        return changed

    @property
    def oldest_held(self) -> int:
        """Number of who has been held longest; whoever is held next, if nobody is."""
        return next(iter(self._held.values()))[0] if self._held else self.entered + 1

    def _store(self, key: bytes, profile: Profile, changed: dict[bytes, bytes]) -> None:
        changed[key] = value = encode_profile(profile)
        self.store.put(key, value)
        self.timers.schedule(key, profile.due)  # a table on disk must know whoever it is scheduled for

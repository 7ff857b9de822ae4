"""The profiles of one partition: stored with what they owe, sorted by when they are due, and written when they must be."""

from collections import OrderedDict
from collections.abc import Iterator, Mapping

from state import DueHeap, Profile, Timers, decode_profile, encode_profile
from stream_app.outputs import Output
from stream_app.profile_store import OWN, Store
from stream_app.topics import READ

__all__ = ["Shelf"]

_TICKS = READ.index("ticks")


class Shelf:
    """Profiles by customer id.

    A profile that owes nothing may be *held*: stored, but written to the changelog later, once for all that has happened
    meanwhile, for most change again soon. Nothing is kept decoded: to decode a profile of some hundred bytes costs less
    than to reach for the objects of one that has left the processor's caches.

    Args:
        store: Where they are kept, encoded.
        hold: How many may be held; 0 for none.

    Attributes:
        timers: Who is due when.
        entered: How many have ever been held; counts on.
    """

    def __init__(self, store: Store, hold: int = 0) -> None:
        self.store = store
        self.timers: Timers = DueHeap()
        self.entered = 0
        self._delivered: dict[int, int] = {}
        self._most_held = hold
        #: Number and stored profile by key, longest held first.
        self._held: OrderedDict[bytes, tuple[int, bytes]] = OrderedDict()

    def begin(self, committed: Mapping[int, int]) -> None:
        """Trust nothing but the store: the partition was somebody else's meanwhile."""
        self._delivered = dict(committed)
        self._held.clear()

    def load(self, customer: str) -> Profile | None:
        """The profile as it is now; whoever changes it must store it with `keep`."""
        value = self.store.get(customer.encode())
        return None if value is None else decode_profile(value)

    def items(self) -> Iterator[tuple[str, Profile]]:
        """All profiles as they are now."""
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
        customer: str,
        profile: Profile,
        outputs: list[Output],
        stamp: tuple[int, int],
        changed: dict[bytes, bytes],
    ) -> None:
        """Store a changed profile, with what is to be published of it; if that is nothing, it may be held.

        Args:
            customer: Its id.
            profile: As it is now.
            outputs: What the run has brought about for it.
            stamp: Source and offset that are committed when, and only when, the run is delivered.
            changed: Gets what is to be written with this run, as it is stored.
        """
        key = customer.encode()
        profile.revision += 1
        if profile.outbox:
            delivered = self._delivered
            profile.outbox = [entry for entry in profile.outbox if entry[1] >= delivered.get(entry[0], 0)]
        for output in outputs:
            profile.outbox.append((*stamp, output.kind, output.payload))
        value = encode_profile(profile)
        self.store.put(key, value)
        self.timers.schedule(key, profile.due)
        if outputs or not self._most_held:
            self._held.pop(key, None)
            changed[key] = value
            return
        held = self._held.get(key)
        if held is None:
            self.entered += 1
        self._held[key] = (self.entered if held is None else held[0], value)

    def release(self, through: int) -> dict[bytes, bytes]:
        """Let go who has been held longest: up to number *through*, and as many as there are too many.

        Returns:
            The profiles that are to be written, as they are stored.
        """
        changed: dict[bytes, bytes] = {}
        held = self._held
        too_many = len(held) - self._most_held
        for key, (number, value) in held.items():
            if number > through and len(changed) >= too_many:
                break
            changed[key] = value
        for key in changed:
            del held[key]
        return changed

    @property
    def oldest_held(self) -> int:
        """Number of who has been held longest; whoever is held next, if nobody is."""
        return next(iter(self._held.values()))[0] if self._held else self.entered + 1

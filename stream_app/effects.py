"""What folding a run has brought about: profiles to store, outputs to publish, records that were refused."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from state import Profile
from stream_app.alignment import Arrived

if TYPE_CHECKING:
    from stream_app.outputs import Output

__all__ = ["DeadLetter", "Effects", "Refused", "Touched", "personal"]


class Refused(NamedTuple):
    """A record that was not understood, with everything needed to look at it again.

    Not the exception itself: that would hold the frames in which it was raised, and they the run and this record, a circle
    that only the collector of cycles opens.

    Attributes:
        reason: Reason code, see `state.REASONS`.
        sentence: What happened, for the person who meets it.
        key: Kafka key.
        value: Original bytes.
        headers: Original headers.
    """

    reason: str
    sentence: str
    key: bytes | None
    value: bytes | None
    headers: Any = ()


class DeadLetter(NamedTuple):
    """A refused record and where it stood."""

    source: int
    offset: int
    refused: Refused


class Effects:
    """What a run has changed.

    Attributes:
        changed: Profiles to store, by changelog key.
        outputs: What to publish, in order.
        dead_letters: Records refused.
        outcomes: Count of records by (source, outcome): applied, duplicate, late, dead_letter.
        moves: Count of transitions by (lifecycle, from, to).
    """

    __slots__ = ("changed", "dead_letters", "moves", "outcomes", "outputs")

    def __init__(self) -> None:
        self.changed: dict[bytes, bytes] = {}
        self.outputs: list[Output] = []
        self.dead_letters: list[DeadLetter] = []
        self.outcomes: Counter[tuple[int, str]] = Counter()
        self.moves: Counter[tuple[str, str, str]] = Counter()

    def __bool__(self) -> bool:
        """Whether there is anything to deliver or to count: what a run has changed may all be held."""
        return bool(self.changed or self.outputs or self.dead_letters or self.outcomes)


class Touched:
    """A profile that a run changes.

    Args:
        profile: As it is by now; a note may put another one in its place.
        totals: Its purchase totals before the run.

    Attributes:
        reached: Instant (µs) of its latest event in the run; 0 if there was none.
        is_watched: Whether an event was of a kind that may move the customer.
        is_changed: Whether it is to be stored.
    """

    __slots__ = ("is_changed", "is_watched", "profile", "reached", "totals")

    def __init__(self, profile: Profile, totals: tuple[int, int, int, int]) -> None:
        self.profile = profile
        self.totals = totals
        self.reached = 0
        self.is_watched = self.is_changed = False


def personal(
    records: Iterable[Arrived], effects: Effects, reached: Callable[[int], None] | None = None
) -> Iterator[Arrived]:
    """The events about customers; what the other records bring about is noted.

    Args:
        records: Items are `state.Event` or `Refused`.
        effects: Gets what the others bring about.
        reached: Told the instant (µs) of every event when its turn comes.
    """
    for record in records:
        item = record.item
        if isinstance(item, Refused):
            effects.dead_letters.append(DeadLetter(record.source, record.offset, item))
            effects.outcomes[record.source, "dead_letter"] += 1
            continue
        if reached is not None:
            reached(item.at)
        if item.kind.is_personal:
            yield record
        else:
            effects.outcomes[record.source, "impersonal"] += 1

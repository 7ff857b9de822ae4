"""What folding a run has brought about: profiles to store, outputs to publish, records that were refused."""

from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from state import Profile, Rejected

if TYPE_CHECKING:
    from stream_app.outputs import Output

__all__ = ["DeadLetter", "Effects", "Refused", "Touched"]


class Refused(NamedTuple):
    """A record that was not understood, with everything needed to look at it again.

    Attributes:
        rejection: Reason code and sentence.
        key: Kafka key.
        value: Original bytes.
        headers: Original headers.
    """

    rejection: Rejected
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
        return bool(self.changed or self.outputs or self.dead_letters)


class Touched:
    """Profiles that a run changes, their latest event in it, and their purchase totals before it.

    Attributes:
        watched: Customers with an event of a kind that some rule looks at.
    """

    __slots__ = ("profiles", "reached", "totals", "watched")

    def __init__(self) -> None:
        self.profiles: dict[str, Profile] = {}
        self.reached: dict[str, int] = {}
        self.totals: dict[str, tuple[int, int, int, int]] = {}
        self.watched: set[str] = set()

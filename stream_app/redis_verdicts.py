"""What verdicts on customers mean for the shared keys: pure arithmetic between two round trips."""

from collections.abc import Iterable, Sequence

import msgspec

from stream_app.redis_keys import RedisKeys
from stream_app.redis_records import Change

__all__ = ["Judged", "Lane", "count_moves", "is_orphan", "judge", "payloads", "risk_moves"]


class Judged(msgspec.Struct, gc=False):
    """A change and what stood before it.

    Args:
        change: The accepted change.
        before_offset: Offset of the record that the change replaced; -1 when nothing was there.
        before_stage: Stage that it replaced; empty when nothing was there.
    """

    change: Change
    before_offset: int
    before_stage: str


class Lane(msgspec.Struct):
    """What is known of one lifecycle and partition in Redis, as of the last answer.

    Args:
        keys: Key names of the lifecycle.
        partition: Partition of ``lifecycle.stage-changes``.
        counts: Offset up to which the stage counts hold the partition.
        risks: The same for the risks.
        changes: The same for the stream.
        origin: Customers last written at or below this offset are not in the stage counts.
        rebuild: The same for the counts that a republish is rebuilding; ``None`` when none is under way.
        lost: ``yes``, ``rebuilding`` or empty.
    """

    keys: RedisKeys
    partition: int
    counts: int = -1
    risks: int = -1
    changes: int = -1
    origin: int = -1
    rebuild: int | None = None
    lost: str = ""

    @property
    def settled(self) -> int:
        """Offset up to which everything is applied."""
        return min(self.counts, self.risks, self.changes)

    def read_ledger(self, answer: Sequence[bytes | str | None]) -> None:
        """Takes over the ledger's fence, origin, rebuild, nonce and lost."""
        fence, origin, rebuild, _nonce, lost = answer
        self.counts = int(fence or -1)
        self.origin = int(origin or -1)
        self.rebuild = int(rebuild) if rebuild else None
        self.lost = lost.decode() if isinstance(lost, bytes) else lost or ""


def judge(change: Change, answer: bytes | str) -> Judged:
    """Joins a change with the answer of ``customers.lua`` to it.

    Examples:
        >>> change = Change(7, "c", "c1", 2, "loyal", 0.1, False, (), [], b"")
        >>> judge(change, b"3 new customer").before_stage
        'new customer'
    """
    text = answer.decode() if isinstance(answer, bytes) else answer
    if not text:
        return Judged(change, -1, "")
    offset, _, stage = text.partition(" ")
    return Judged(change, int(offset), stage)


def is_orphan(judged: Judged) -> bool:
    """Whether a change continues what Redis ought to hold and does not."""
    return judged.before_offset < 0 and judged.change.continues


def count_moves(judged: Iterable[Judged], after: int, origin: int) -> dict[str, int]:
    """Changes of the number of customers per stage.

    Args:
        judged: In offset order.
        after: Records up to here are in the counts already.
        origin: Customers last written up to here have never been counted.

    Examples:
        >>> change = Change(7, "c", "c1", 2, "loyal", 0.1, False, (), [], b"")
        >>> count_moves([Judged(change, 3, "new")], after=5, origin=-1)
        {'loyal': 1, 'new': -1}
        >>> count_moves([Judged(change, 3, "new")], after=5, origin=4)
        {'loyal': 1}
    """
    moves: dict[str, int] = {}
    for one in judged:
        change = one.change
        if change.offset <= after:
            continue
        if change.stage:
            moves[change.stage] = moves.get(change.stage, 0) + 1
        if one.before_stage and one.before_offset > origin:
            moves[one.before_stage] = moves.get(one.before_stage, 0) - 1
    return moves


def risk_moves(judged: Iterable[Judged], after: int) -> dict[str, float | None]:
    """The newest churn risk of each customer, ``None`` for one that leaves the set."""
    return {one.change.customer: one.change.risk for one in judged if one.change.offset > after}


def payloads(judged: Iterable[Judged], after: int) -> list[str]:
    """What goes on the stream and the channel: changes, neither state nor erasures."""
    return [
        one.change.payload.decode() for one in judged if one.change.kind == "c" and one.change.offset > after
    ]

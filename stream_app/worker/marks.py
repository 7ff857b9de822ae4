"""Which offsets were handed over, and which are finished: the worker's own commit bookkeeping.

Faust's acknowledgements are no proof of work (events of an old generation are skipped *and* acknowledged),
so commits are taken from marks that the delivery path sets when every write of a run is acknowledged.
"""

from collections.abc import Mapping

from faust.types import TP

__all__ = ["Marks"]


class Marks:
    """Offsets of the current generation, per topic-partition.

    *expected* is the next offset that may be handed over: a run that begins beyond it has a hole.
    *told* is the next offset that is not published yet: everything below it is folded, and what it led to is told.
    *finished* is the next offset to commit: everything below it is folded, published and durable.
    Telling and finishing are only accepted for the generation in which the run was handed over.

    Examples:
        >>> marks, tp = Marks(), TP("lifecycle.purchases", 0)
        >>> marks.begin(1, {tp: 5})
        >>> marks.hand_over(tp, 8)
        >>> marks.outstanding(tp)
        3
        >>> marks.tell(1, tp, 7)
        >>> marks.outstanding(tp), marks.committable()
        (1, {})
        >>> marks.finish(1, tp, 8)
        True
        >>> marks.committable() == {tp: 8}
        True
        >>> marks.finish(0, tp, 9)
        False
    """

    def __init__(self) -> None:
        self.generation = -1
        self._expected: dict[TP, int] = {}
        self._told: dict[TP, int] = {}
        self._finished: dict[TP, int] = {}
        self._committed: dict[TP, int] = {}

    def begin(self, generation: int, committed: Mapping[TP, int | None]) -> None:
        """Start a generation at the committed offsets; all earlier marks are void."""
        self.generation = generation
        known = {tp: offset for tp, offset in committed.items() if offset is not None and offset >= 0}
        self._expected = dict(known)
        self._told = dict(known)
        self._finished = dict(known)
        self._committed = dict(known)

    def end(self) -> None:
        """Void every mark: the partitions are no longer ours."""
        self.generation = -1
        self._expected.clear()
        self._told.clear()
        self._finished.clear()
        self._committed.clear()

    def expected(self, tp: TP) -> int | None:
        """Next offset that must be handed over, ``None`` when nothing was committed or seen yet."""
        return self._expected.get(tp)

    def hand_over(self, tp: TP, next_offset: int) -> None:
        """Note that everything below *next_offset* is with the agents."""
        self._expected[tp] = next_offset

    def hand_over_from(self, tp: TP, first_offset: int) -> None:
        """Note where a partition without a commit begins, so that finishing counts from there."""
        for marks in (self._expected, self._told, self._finished):
            marks.setdefault(tp, first_offset)

    def reach(self, generation: int, tp: TP, next_offset: int) -> None:
        """Note that everything below *next_offset* has come to the agents without being read."""
        if generation == self.generation:
            self._expected[tp] = max(next_offset, self._expected.get(tp, 0))

    def outstanding(self, tp: TP) -> int:
        """Offsets handed over and not told."""
        expected = self._expected.get(tp)
        if expected is None:
            return 0
        return max(0, expected - self._told.get(tp, expected))

    def told(self, tp: TP) -> int | None:
        """Everything below it is folded and published; ``None`` when nothing was committed or seen yet."""
        return self._told.get(tp)

    @property
    def any_outstanding(self) -> bool:
        """Whether anything was handed over and not finished; may be asked from another thread."""
        return any(
            expected > self._finished.get(tp, expected) for tp, expected in list(self._expected.items())
        )

    def tell(self, generation: int, tp: TP, next_offset: int) -> None:
        """Mark everything below *next_offset* as folded and published, unless the generation has passed."""
        if generation == self.generation and next_offset > self._told.get(tp, -1):
            self._told[tp] = next_offset

    def finish(self, generation: int, tp: TP, next_offset: int) -> bool:
        """Mark everything below *next_offset* as done; ``False`` if the generation has passed."""
        if generation != self.generation:
            return False
        self.tell(generation, tp, next_offset)
        if next_offset > self._finished.get(tp, -1):
            self._finished[tp] = next_offset
        return True

    def committable(self) -> dict[TP, int]:
        """Offsets that are finished and not yet committed."""
        committed = self._committed
        return {tp: offset for tp, offset in self._finished.items() if offset > committed.get(tp, -1)}

    def committed(self, offsets: Mapping[TP, int]) -> None:
        """Note what the broker has accepted."""
        for tp, offset in offsets.items():
            if tp in self._finished:
                self._committed[tp] = offset

    def committed_offset(self, tp: TP) -> int:
        """Committed offset, 0 when there is none."""
        return self._committed.get(tp, 0)

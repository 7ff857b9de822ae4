"""In which order the records of one partition are folded: merged by event time as far as they are known.

A partition reads several topics. Each topic keeps its own order; between topics the record with the earliest
event time goes first. With the wall clock what was fetched is released at once, but for one case: where more of
a topic is known to lie in Kafka and nothing of it is at hand, what comes shortly after its last record waits for it. A
worker that catches up would otherwise run through the small topics first, and meet what led to their events long after
them (Kafka Streams waits as well, KIP-353 and KIP-695). A topic that is far behind, because history is sent through it,
keeps nobody waiting. With the event clock
a *punctuation* (a tick that carries offsets) says up to which event time a producer has sent everything, and which
offsets that covers: what it covers is released in exact event-time order, whatever the fetches looked like.
Without punctuations records wait for `hold` seconds at most, so that a producer that sends none is served as well.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from heapq import heapify, heappop, heapreplace
from typing import Any, NamedTuple

import msgspec

from state import FAR, NEVER

__all__ = ["Alignment", "Arrived", "Punctuation"]

#: Seconds for which the other topics wait for one of which there is more: a fetch takes a small part of that, and when it
#: does not come, because a broker is down, the others must go on.
_AWAIT = 1.0
#: How long (µs of event time) behind the last record of such a topic others wait for it.
_NEAR = 60_000_000
#: Of which nothing has been seen: everything may come behind it.
_UNSEEN = (0, 1 << 62)


# One is made for every record: making it and reading it takes a third of what a named tuple costs.
class Arrived(msgspec.Struct, frozen=True, gc=False):
    """One record of a source topic, as it came out of the log.

    Attributes:
        at: Event time (µs) by which it is merged; a record that cannot be read takes its predecessor's.
        source: Index of the source topic.
        offset: Kafka offset.
        item: Whatever the engine folds (the decoded event or its rejection).
    """

    at: int
    source: int
    offset: int
    item: Any


class Punctuation(NamedTuple):
    """A promise: everything at or before *at* lies below *offsets* (source index to next offset)."""

    at: int
    offsets: Mapping[int, int]


class Alignment:
    """Buffers of one partition, released in event-time order.

    Args:
        sources: Number of source topics.
        hold: Seconds that a record waits for a punctuation (0 releases at once: the wall clock).
        patience: The same, once a punctuation has been seen: a producer that punctuates is worth waiting for.
        is_punctuated: Whether one was seen before, by who read this partition until now.

    Attributes:
        frontier: Up to here (µs of event time) promises have been kept.
        is_impatient: Whether the last release has gone beyond them, although a producer punctuates.

    Examples:
        >>> alignment = Alignment(sources=2, hold=1.0, patience=30.0)
        >>> alignment.add([Arrived(30, 0, 0, "c"), Arrived(50, 0, 1, "e")], now=0.0)
        >>> alignment.add([Arrived(10, 1, 0, "a")], now=0.0)
        >>> [record.item for record in alignment.release(now=0.1)]
        []
        >>> alignment.punctuate(Punctuation(40, {0: 2, 1: 1}))
        >>> [record.item for record in alignment.release(now=0.1)], alignment.frontier
        (['a', 'c'], 40)

        >>> alignment = Alignment(sources=2, hold=0.0, patience=0.0)
        >>> alignment.add([Arrived(10, 0, 0, "a")], now=0.0, has_more=True)
        >>> alignment.add([Arrived(90, 1, 0, "z")], now=0.0)
        >>> [record.item for record in alignment.release(now=0.1)], alignment.release(now=0.2)
        (['a'], [])
        >>> alignment.add([Arrived(20, 0, 1, "b")], now=0.3)
        >>> [record.item for record in alignment.release(now=0.3)]
        ['b', 'z']
    """

    def __init__(self, sources: int, *, hold: float, patience: float, is_punctuated: bool = False) -> None:
        self._queues: list[deque[Arrived]] = [deque() for _ in range(sources)]
        self._positions = [0] * sources
        self._punctuations: deque[Punctuation] = deque()
        self._hold = hold
        self._patience = patience
        self._is_punctuated = is_punctuated
        self._is_passing = False
        self._oldest: float | None = None
        #: Sources of which more is known to lie in Kafka; what waits for each of them; and since when anything does.
        self._unread: set[int] = set()
        self._behind = [_UNSEEN] * sources
        self._awaiting_since: float | None = None
        self.frontier = 0
        self.is_impatient = False

    def __len__(self) -> int:
        return sum(map(len, self._queues))

    def start_at(self, source: int, offset: int) -> None:
        """Set the offset from which a source is read, so that what lies before it counts as seen."""
        self._positions[source] = offset

    def buffered(self, source: int) -> int:
        """How many records of a source wait."""
        return len(self._queues[source])

    def expect(self, source: int) -> None:
        """Note that more of a source lies in Kafka than has come: the others wait for it."""
        self._unread.add(source)

    def add(self, records: Sequence[Arrived], now: float, *, has_more: bool = False) -> None:
        """Buffer records.

        Args:
            records: What was fetched of one source, in offset order.
            now: Monotonic seconds, to measure how long records have waited.
            has_more: Whether more of the source was in Kafka when they were fetched.
        """
        if not records:
            return
        source, last = records[-1].source, records[-1].at
        self._queues[source].extend(records)
        self._positions[source] = records[-1].offset + 1
        if self._oldest is None:
            self._oldest = now
        self._behind[source] = (last, last + _NEAR)
        if has_more:
            self.expect(source)
        else:
            self._unread.discard(source)

    def punctuate(self, punctuation: Punctuation) -> None:
        """Add a promise; it takes effect when what it covers has been fetched, and time has passed to the one before it."""
        self._punctuations.append(punctuation)

    def passed(self) -> None:
        """Note that time has passed to `frontier`, with all that follows from that: the next promise takes effect.

        Two promises that are known at once would otherwise be one. Where a topic is not in order, what is behind a record of
        the later one is folded with it, and must not come before the timers of the earlier one.
        """
        self._is_passing = False

    def wait(self, now: float) -> float | None:
        """Seconds until `release` would give up waiting, ``None`` when nothing is buffered."""
        if self._oldest is None:
            return None
        until = self._oldest + self._holding()
        if self._awaiting_since is not None:
            until = max(until, self._awaiting_since + _AWAIT)
        return max(0.0, until - now)

    def release(self, now: float, most: int = 1 << 30) -> list[Arrived]:
        """Take what may be folded now, merged by event time; advances `frontier` to the next promise, if it is kept.

        Args:
            now: Monotonic seconds.
            most: How many records to take; the rest stays for the next call.
        """
        self._cover()
        is_over = self._hold <= 0 or (self._oldest is not None and now >= self._oldest + self._holding())
        limit = None if is_over else self.frontier
        taken = self._merge(limit, most)
        if is_over and not taken and self._gives_up(now):
            taken = self._merge(limit, most)
        self.is_impatient = is_over and self._holding() > self._hold
        if taken:
            self._awaiting_since = None
        if not len(self):
            self._oldest = None
        elif taken and not is_over:
            self._oldest = now
        return taken

    @property
    def is_clear(self) -> bool:
        """Whether nothing at or before `frontier` is left, so that time itself may pass to it."""
        return all(queue[0].at > self.frontier for queue in self._queues if queue)

    def _gives_up(self, now: float) -> bool:
        """Let nothing wait any longer for sources that have not come for long enough; whether that was so."""
        if not len(self):
            return False
        if self._awaiting_since is None:
            self._awaiting_since = now
        if now < self._awaiting_since + _AWAIT:
            return False
        self._unread = {source for source in self._unread if self._queues[source]}
        return True

    def _holding(self) -> float:
        is_punctuated = self._is_punctuated or self.frontier or self._punctuations
        return self._patience if is_punctuated else self._hold

    def _cover(self) -> None:
        if not self._is_passing and self._punctuations and self._is_covered(self._punctuations[0]):
            self.frontier = max(self.frontier, self._punctuations.popleft().at)
            self._is_passing = True

    def _is_covered(self, punctuation: Punctuation) -> bool:
        return all(self._positions[source] >= offset for source, offset in punctuation.offsets.items())

    def _merge(self, limit: int | None, most: int) -> list[Arrived]:
        """K-way merge by the event time at each queue's head; each queue keeps its order."""
        taken: list[Arrived] = []
        awaited = (
            []
            if limit is not None
            else [self._behind[each] for each in self._unread if not self._queues[each]]
        )
        heads = [(queue[0].at, index) for index, queue in enumerate(self._queues) if queue]
        heapify(heads)
        while heads and len(taken) < most:
            at, index = heads[0]
            if limit is not None and at > limit:
                break
            if awaited and any(last < at < near for last, near in awaited):
                break
            queue, end = self._queues[index], NEVER if awaited else _end_of_turn(heads)
            if limit is not None and end > limit:
                end = limit + 1
            taken.append(queue.popleft())
            while queue and (at := queue[0].at) < end and len(taken) < most:
                taken.append(queue.popleft())
            if queue:
                heapreplace(heads, (at, index))
            else:
                heappop(heads)
                if limit is None and index in self._unread:
                    awaited.append(self._behind[index])
        return taken


def _end_of_turn(heads: list[tuple[int, int]]) -> int:
    """Up to which instant (µs), exclusive, the first of a heap of heads goes on before it is another's turn."""
    if len(heads) == 1:
        return FAR
    second = heads[1] if len(heads) == 2 or heads[1] < heads[2] else heads[2]
    return second[0] + (heads[0][1] < second[1])

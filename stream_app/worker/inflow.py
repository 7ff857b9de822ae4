"""Records of one partition that come two ways, told by whoever writes them and read from Kafka, in one order."""

from collections import deque
from collections.abc import Sequence
from typing import Any

from stream_app.redis_sink import SinkRecord
from stream_app.worker.publisher import Record

__all__ = ["Inflow"]

#: Records that may wait and still be joined by told ones; the rest waits in Kafka.
_ROOM = 4000
#: Told records kept until the reading has come up to them.
_AHEAD = 1000


class Inflow:
    """A queue in the order of the offsets, without a gap, whichever way a record comes first.

    What is told counts only where it continues what is here: told records may be missing, read ones never are. So
    whoever reads goes back to `next` when `is_told` no longer holds.

    Args:
        begin: Offset of the first record that is wanted.

    Attributes:
        next: Offset of the first record that has not come.
        is_told: Whether the records told last continued what is here: reading would bring nothing.

    Examples:
        >>> inflow = Inflow(7)
        >>> inflow.tell(8, [Record(b"ann", b"second")])
        >>> len(inflow), inflow.next, inflow.is_told
        (0, 7, False)
        >>> inflow.read([SinkRecord(7, b"ann", b"first")])
        >>> [(record.offset, record.value) for record in inflow.pop(10)], inflow.next
        ([(7, b'first'), (8, b'second')], 9)
    """

    def __init__(self, begin: int) -> None:
        self.next = begin
        self.is_told = False
        self._waiting: deque[SinkRecord] = deque()
        self._ahead: deque[tuple[int, Sequence[Record]]] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    def read(self, records: Sequence[Any]) -> None:
        """Take a fetched run; what has come already is passed over."""
        if records[-1].offset >= self.next:
            self._take(
                [_sink_record(record.offset, record) for record in records if record.offset >= self.next]
            )
            self._join()

    def tell(self, first: int, records: Sequence[Record]) -> None:
        """Take what was written, unless something is missing before it or too much is waiting.

        Args:
            first: Offset of the first record; the others follow without a gap. Negative if Kafka does not say.
            records: Acknowledged, in order.
        """
        self.is_told = False
        if first < 0 or len(self._waiting) >= _ROOM:
            return
        self._ahead.append((first, records))
        self._join()
        self.is_told = not self._ahead
        while sum(len(run) for _, run in self._ahead) > _AHEAD:
            self._ahead.popleft()

    def pop(self, most: int) -> list[SinkRecord]:
        """Take up to *most* records out, in order."""
        return [self._waiting.popleft() for _ in range(min(len(self._waiting), most))]

    def _join(self) -> None:
        """Take the told records that continue what is here."""
        while self._ahead and self._ahead[0][0] <= self.next:
            first, records = self._ahead.popleft()
            fresh = records[self.next - first :]
            if fresh:
                self._take([_sink_record(offset, record) for offset, record in enumerate(fresh, self.next)])

    def _take(self, records: list[SinkRecord]) -> None:
        self._waiting.extend(records)
        self.next = records[-1].offset + 1


def _sink_record(offset: int, record: Any) -> SinkRecord:
    """A record of the topic, read or written."""
    return SinkRecord(offset, record.key, record.value, dict(record.headers) if record.headers else {})

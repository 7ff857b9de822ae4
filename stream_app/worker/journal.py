"""What a lane writes to the changelog of its partition, and up to where store and changelog agree."""

from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping

from stream_app.errors import WorkFailed
from stream_app.worker.changelog import EPOCH_KEY, stamped
from stream_app.worker.publisher import Handed, Sendable
from stream_app.worker.stores import TableStore

__all__ = ["Entry", "Journal"]


class Entry:
    """A run on its way into the changelog."""

    __slots__ = ("batches", "handed", "values")

    def __init__(self, values: Mapping[bytes, bytes], handed: list[Handed]) -> None:
        self.values = values
        self.handed = handed
        #: First offset and number of records of each batch, once all are acknowledged.
        self.batches: list[tuple[int, int]] | None = None


class Journal:
    """The changelog of one partition during one ownership.

    The owner of a partition is the only writer of its changelog, so each acknowledged run must lie exactly where the
    last one ended. A gap is the record of somebody else, who took the partition over without our knowledge, or who does
    not know that we did. Then the store no longer says what the changelog says, and the process ends before it publishes
    anything of that run.

    Args:
        store: Profiles of the partition; it agrees with the end of the changelog.
        send: Hands records to the changelog in order.
    """

    def __init__(
        self, store: TableStore, send: Callable[[Iterable[Sendable]], Awaitable[list[Handed]]]
    ) -> None:
        self._store = store
        self._send = send
        self._entries: deque[Entry] = deque()

    async def announce(self, values: Mapping[bytes, bytes]) -> None:
        """Begin the ownership with a new epoch, and wait until the changelog has it together with *values*."""
        self._store.epoch += 1
        announcement = (EPOCH_KEY, stamped(self._store.epoch, b""), ())
        await self.settle(self._enter(values, await self._send([announcement, *self._records(values)])))

    async def write(self, values: Mapping[bytes, bytes]) -> Entry:
        """Hand over values that were put into the store; waits while the producer is behind."""
        return self._enter(values, await self._send(self._records(values))) if values else Entry(values, [])

    def _records(self, values: Mapping[bytes, bytes]) -> Iterator[Sendable]:
        """One by one: a list of them all would have left the processor's caches before it is sent."""
        epoch = self._store.epoch
        return ((key, stamped(epoch, value), ()) for key, value in values.items())

    def _enter(self, values: Mapping[bytes, bytes], handed: list[Handed]) -> Entry:
        entry = Entry(values, handed)
        self._entries.append(entry)
        return entry

    async def settle(self, entry: Entry) -> None:
        """Wait until a run is acknowledged, and bring the store up to it.

        Raises:
            WorkFailed: If somebody else writes to the changelog of this partition.
        """
        batches = [((await handed).offset, handed.records) for handed in entry.handed]
        entry.batches = batches
        entries = self._entries
        while entries and entries[0].batches is not None:
            first = entries.popleft()
            self._store.acknowledge(first.values, self._behind(first.batches or []))

    def _behind(self, batches: list[tuple[int, int]]) -> int:
        """Where the changelog goes on after *batches*, which must begin where the store stands."""
        position = self._store.position
        for offset, records in batches:
            if offset != position:
                raise WorkFailed(
                    f"a changelog record was written at offset {offset} instead of {position}: another worker writes for "
                    "the same partition; this one ends and takes its partitions over again after a restart"
                )
            position += records
        return position

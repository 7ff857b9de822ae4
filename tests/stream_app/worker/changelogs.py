"""A changelog partition as a list, for the laws of the stores."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from stream_app.worker.changelog import EPOCH_KEY, absorb, stamped
from stream_app.worker.stores import TableStore

Values = dict[bytes, bytes]


class Logged(NamedTuple):
    """A record of the changelog as a consumer sees it."""

    offset: int
    key: bytes
    value: bytes | None


class Log:
    """A changelog partition with its records in memory."""

    def __init__(self) -> None:
        self.records: list[Logged] = []

    @property
    def end(self) -> int:
        return len(self.records)

    def append(self, epoch: int, values: Mapping[bytes, bytes]) -> int:
        """Append a run; where it ends."""
        for key, value in values.items():
            self.records.append(Logged(self.end, key, stamped(epoch, value)))
        return self.end

    def announce(self, epoch: int) -> int:
        return self.append(epoch, {EPOCH_KEY: b""})

    def recover(self, store: TableStore, cut: int = 3) -> None:
        """Bring a store to the end, *cut* records at a time."""
        while store.position < self.end:
            absorb(store, self.records[store.position : store.position + cut])


def fold(records: Iterable[Logged]) -> Values:
    """What the records say, one after the other; those of an epoch that is over say nothing."""
    values: Values = {}
    highest = 0
    for record in records:
        epoch = int.from_bytes((record.value or b"")[:4], "big")
        if epoch >= highest:
            highest = epoch
            if record.key != EPOCH_KEY:
                values[record.key] = (record.value or b"")[4:]
    return values

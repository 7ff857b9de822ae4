"""From the bytes of a fetched run to what the engine folds; and what a tick says."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
from aiokafka.partitioner import murmur2

from state import Bounds, Event, MeasureMap, Rejected, decode_event, parse_instant
from stream_app.alignment import Arrived, Punctuation
from stream_app.effects import Refused
from stream_app.identity_notes import read_note
from stream_app.profile_store import Store
from stream_app.topics import IDENTITIES, READ, SOURCES

__all__ = [
    "NOTES", "TICKS", "Erase", "Intake", "Republish", "Unmerge", "Wake", "partition_of", "read_tick",
]  # fmt: skip

#: Indexes of the ticks, and of what ids of one person write to each other, among the sources, in marks and stamps.
TICKS, NOTES = READ.index("ticks"), READ.index(IDENTITIES)


def partition_of(customer: str, partitions: int) -> int:
    """Partition of a customer: murmur2 of the id's bytes, as every Kafka client of the JVM family computes it."""
    return int((murmur2(customer.encode()) & 0x7FFFFFFF) % partitions)


class Wake(NamedTuple):
    """Time has come to *at* (µs); of the wall clock."""

    at: int


class Erase(NamedTuple):
    """Forget a customer."""

    customer: str


class Republish(NamedTuple):
    """Tell the present state of every customer."""

    nonce: str


class Unmerge(NamedTuple):
    """Take an id out of the customer that it was merged into."""

    anonymous: str
    nonce: str


class _Tick(msgspec.Struct):
    at: str | int | None = None
    clock: str = ""
    offsets: dict[str, int] = {}
    erase: str | None = None
    republish: str | None = None
    unmerge: str | None = None
    nonce: str = ""


_TICK = msgspec.json.Decoder(_Tick)


def read_tick(value: bytes | None, prefix: str) -> Punctuation | Wake | Erase | Republish | Unmerge | None:
    """What a record of the ticks topic asks for; ``None`` if it cannot be read.

    Examples:
        >>> read_tick(b'{"at":"1970-01-01T00:00:01Z","offsets":{"lifecycle.email":5}}', "lifecycle.")
        Punctuation(at=1000000, offsets={1: 5})
        >>> read_tick(b'{"erase":"ann"}', "lifecycle.")
        Erase(customer='ann')
    """
    try:
        tick = _TICK.decode(value or b"")
        if request := _request(tick):
            return request
        if tick.at is None:
            return None
        at = parse_instant(tick.at)
        if tick.clock == "wall":
            return Wake(at)
        names = {prefix + name: index for index, name in enumerate(SOURCES)}
        return Punctuation(at, {names[topic]: end for topic, end in tick.offsets.items() if topic in names})
    except (msgspec.DecodeError, ValueError, OverflowError):
        return None


def _request(tick: _Tick) -> Erase | Republish | Unmerge | None:
    if tick.erase:
        return Erase(tick.erase)
    if tick.unmerge:
        return Unmerge(tick.unmerge, tick.nonce)
    return Republish(tick.republish) if tick.republish else None


class Intake:
    """Decodes the records of one partition.

    Args:
        kinds: Which event name counts as what.
        bounds: What is believable.
        partition: This partition.
        partitions: How many there are: a customer seen for the first time must belong here.
        store: Profiles of the partition.
    """

    def __init__(
        self, kinds: MeasureMap, bounds: Bounds, partition: int, partitions: int, store: Store
    ) -> None:
        self._kinds = kinds
        self._bounds = bounds
        self._partition = partition
        self._partitions = partitions
        self._store = store
        self._seen: set[str] = set()

    def read(self, source: int, records: Sequence[Any]) -> list[Arrived]:
        """Decode a run; what cannot be read becomes `Refused` and keeps its place."""
        kinds, bounds = self._kinds, self._bounds
        arrived = []
        last = 0
        for record in records:
            item: Event | Refused
            try:
                event = decode_event(record.value, record.headers, kinds, bounds, record.timestamp * 1000)
                if not self._belongs(event.customer):
                    raise _misplaced(event.customer, self._partition, self._partitions)
                item = event
                last = event.at
            except Rejected as rejection:
                item = Refused(rejection.reason, rejection.sentence, record.key, record.value, record.headers)
            arrived.append(Arrived(last, source, record.offset, item))
        return arrived

    @staticmethod
    def notes(records: Sequence[Any]) -> list[Arrived]:
        """The notes of a fetched run; what holds none keeps its place."""
        return [Arrived(0, NOTES, record.offset, read_note(record.value)) for record in records]

    def _belongs(self, customer: str) -> bool:
        if customer in self._seen or self._store.get(customer.encode()) is not None:
            return True
        if partition_of(customer, self._partitions) != self._partition:
            return False
        if len(self._seen) > 10_000:
            self._seen.clear()
        self._seen.add(customer)
        return True


def _misplaced(customer: str, found: int, partitions: int) -> Rejected:
    right = partition_of(customer, partitions)
    return Rejected(
        "wrong_partition",
        f"The event of this customer came on partition {found} and belongs on {right} of {partitions}; produce with the "
        "customer id as key and the murmur2 partitioner (librdkafka: partitioner=murmur2_random).",
    )

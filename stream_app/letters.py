"""Dead letters: reading one as it came, and sending it again once it is repaired or the configuration is.

What is sent again passes the worker's own judgement first, so a letter that would come back is refused here. It keeps
its message id: if the event did get through some other way, the fold absorbs it.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from state import Bounds, Rejected, decode_event
from stream_app.batch_sender import partition_of
from stream_app.errors import Unavailable
from stream_app.event_names import load_measures
from stream_app.kafka_clients import client_options
from stream_app.settings import Settings
from stream_app.topic_admin import partition_counts
from stream_app.topics import LARGEST_LETTER, SOURCES

__all__ = ["Letter", "Place", "Repairs", "Sent", "read_letters", "resend"]

_OF_LETTER = (
    "topic",
    "partition",
    "offset",
    "reason",
    "sentence",
    "rejected_at",
    "source",
    "path",
    "null",
    "shortened",
)
_LOOK_MS = 1000
_PATIENCE_S = 20.0


class Place(NamedTuple):
    """Where a letter stands on ``lifecycle.dead-letters``."""

    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.partition}:{self.offset}"

    @classmethod
    def parse(cls, text: str) -> "Place":
        """Read ``PARTITION:OFFSET``.

        Raises:
            ValueError: It is not written so.

        Examples:
            >>> Place.parse("3:17")
            Place(partition=3, offset=17)
        """
        partition, _, offset = text.partition(":")
        if not (partition.isdecimal() and offset.isdecimal()):
            raise ValueError(
                f"{text!r} is no place of a dead letter; write PARTITION:OFFSET, for example 3:17"
            )
        return cls(int(partition), int(offset))


class Letter(NamedTuple):
    """A refused record.

    Attributes:
        place: Where it stands.
        facts: Where it came from and why it was refused, by name of the header.
        key: As it came.
        value: As it came.
        original: Headers that it came with.
    """

    place: Place
    facts: dict[str, str]
    key: bytes
    value: bytes
    original: list[tuple[str, bytes]]


class Sent(NamedTuple):
    """What became of a letter: the topic that it was sent to, or why it was not."""

    place: Place
    topic: str | None
    refusal: str | None


class Repairs:
    """Which letters were sent again, kept in a file of the data directory.

    Args:
        data_dir: Shared by the console and the command.
    """

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / "repaired-letters.sqlite"

    def _open(self) -> sqlite3.Connection:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self._path, timeout=30)
        connection.execute(
            "CREATE TABLE IF NOT EXISTS repaired (topic TEXT, partition INTEGER, offset INTEGER, at TEXT, by TEXT, "
            "PRIMARY KEY (topic, partition, offset)) WITHOUT ROWID"
        )
        return connection

    def note(self, topic: str, places: Iterable[Place], at: str, by: str) -> None:
        """Keep that letters were sent again."""
        with closing(self._open()) as connection, connection:
            connection.executemany(
                "INSERT OR REPLACE INTO repaired VALUES (?, ?, ?, ?, ?)",
                [(topic, *place, at, by) for place in places],
            )

    def known(self, topic: str) -> dict[Place, str]:
        """Letters that were sent again: when and by whom."""
        with closing(self._open()) as connection:
            found = connection.execute(
                "SELECT partition, offset, at, by FROM repaired WHERE topic = ?", (topic,)
            )
            return {Place(partition, offset): f"{at} by {by}" for partition, offset, at, by in found}


async def read_letters(
    settings: Settings, places: Sequence[Place] | None = None, most: int = 1000
) -> list[Letter]:
    """Read dead letters.

    Args:
        settings: Where Kafka is.
        places: Which ones; those that the topic no longer has are missing. None: the newest of each partition.
        most: At most so many of each partition.

    Raises:
        Unavailable: Kafka does not answer: what could be read by then is not passed off as all there is.
    """
    topic = f"{settings.topic_prefix}dead-letters"
    options = client_options(settings)
    there = await partition_counts(settings.kafka, options)
    every = [TopicPartition(topic, number) for number in range(there.get(topic, 0))]
    consumer = AIOKafkaConsumer(**options, enable_auto_commit=False, max_partition_fetch_bytes=LARGEST_LETTER)
    try:
        await consumer.start()
        first, ends = await consumer.beginning_offsets(every), await consumer.end_offsets(every)
        consumer.assign(every)
        ranges = (
            [(at, max(first[at], ends[at] - most), ends[at]) for at in every]
            if places is None
            else [
                (at, place.offset, place.offset + 1)
                for place in places
                for at in every
                if at.partition == place.partition
            ]
        )
        return [
            letter
            for at, start, end in ranges
            if first[at] <= start < end <= ends[at]
            for letter in await _between(consumer, at, start, end)
        ]
    except (KafkaError, OSError) as error:
        raise Unavailable(
            f"dead letters cannot be read ({error}): is Kafka at {settings.kafka} up?"
        ) from error
    finally:
        await consumer.stop()


async def _between(consumer: AIOKafkaConsumer, at: TopicPartition, start: int, end: int) -> list[Letter]:
    consumer.seek(at, start)
    found: list[Letter] = []
    moved = monotonic()
    while (position := await consumer.position(at)) < end:
        fetched = (await consumer.getmany(at, timeout_ms=_LOOK_MS)).get(at, [])
        found += [_letter(record) for record in fetched if record.offset < end]
        if await consumer.position(at) != position:
            moved = monotonic()
        elif monotonic() - moved > _PATIENCE_S:
            raise Unavailable(
                f"dead letters cannot be read (partition {at.partition} gives nothing at {position}): is Kafka up?"
            )
    return found


def _letter(record: Any) -> Letter:
    headers = [(name, value or b"") for name, value in record.headers]
    facts = {name: value.decode("utf-8", "replace") for name, value in headers if name in _OF_LETTER}
    original = [
        (name.removeprefix("original-"), value) for name, value in headers if name.startswith("original-")
    ]
    return Letter(
        Place(record.partition, record.offset), facts, record.key or b"", record.value or b"", original
    )


async def resend(settings: Settings, letters: Sequence[Letter], now: int) -> list[Sent]:
    """Send letters again, if they would be accepted.

    Args:
        settings: Where Kafka is, and what is accepted.
        letters: With the values that are to be sent.
        now: Processing time (µs).

    Returns:
        What became of each, in order; what was sent is acknowledged by Kafka.

    Raises:
        Unavailable: Kafka does not answer; what came before may have been sent.
    """
    events = settings.events
    bounds = Bounds(events.max_event_bytes, events.earliest, events.max_future, events.max_amount)
    kinds = load_measures(settings)
    producer = AIOKafkaProducer(
        **client_options(settings), acks="all", enable_idempotence=True, max_request_size=LARGEST_LETTER
    )
    sent: list[Sent] = []
    try:
        await producer.start()
        for letter in letters:
            if "shortened" in letter.facts:
                sent.append(
                    Sent(
                        letter.place, None, "the record was cut when it was refused; send it from its source"
                    )
                )
                continue
            try:
                event = decode_event(letter.value, letter.original, kinds, bounds, now)
            except Rejected as refused:
                sent.append(Sent(letter.place, None, f"{refused.reason}: {refused.sentence}"))
                continue
            named = letter.facts.get("topic", "").removeprefix(settings.topic_prefix)
            topic = settings.topic_prefix + (named if named in SOURCES else event.kind.topic)
            key = event.customer.encode()
            partition = partition_of(key, len(await producer.partitions_for(topic)))
            await producer.send_and_wait(
                topic, letter.value, key=key, partition=partition, headers=letter.original
            )
            sent.append(Sent(letter.place, topic, None))
    except (KafkaError, OSError) as error:
        raise Unavailable(
            f"dead letters cannot be sent again ({error}): {len(sent)} of {len(letters)} were looked at; is Kafka up?"
        ) from error
    finally:
        await producer.stop()
    return sent

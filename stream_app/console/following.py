"""Reads the topics that the console remembers, and goes on from where the store is."""

import asyncio
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter
from typing import Any, Final

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from stream_app.console.alerts_kept import keep_alerts
from stream_app.console.answers_kept import keep_answers
from stream_app.console.forgetting import forget_old
from stream_app.console.history import StageChanges
from stream_app.console.letters_kept import keep_letters
from stream_app.console.store import Store
from stream_app.errors import Unavailable
from stream_app.kafka_clients import client_options
from stream_app.settings import Settings
from stream_app.topic_admin import partition_counts
from stream_app.topics import LARGEST_LETTER

__all__ = ["Follower", "Progress"]

log = structlog.get_logger(__name__)

TOPICS: Final = ("stage-changes", "churn-alerts", "dead-letters", "training")
RETRY_S: Final = 2.0
PAGE: Final = 5000
_RETENTION_EVERY: Final = 60.0


@dataclass
class Progress:
    """How far the console has read.

    Attributes:
        reason: Why nothing comes at present; None while all is well.
        waiting: Records not read yet.
        total: Records that lay there when it started to read.
        read: Records read since.
    """

    reason: str | None = "starting"
    waiting: int = 0
    total: int = 0
    read: int = 0

    @property
    def is_behind(self) -> bool:
        """Whether it reads what lay there when it started."""
        return self.reason is None and self.read < self.total


@dataclass
class Follower:
    """Feeds the store.

    Args:
        settings: Where Kafka is, and the retention.
        store: Written by nobody else.
        lost: Names of lost stages by lifecycle.

    Attributes:
        progress: For whoever wants to know.
    """

    settings: Settings
    store: Store
    lost: Mapping[str, frozenset[str]]
    progress: Progress = field(default_factory=Progress)

    def __post_init__(self) -> None:
        self._changes = StageChanges(self.lost)
        prefix = self.settings.topic_prefix
        self._names = {f"{prefix}{name}": name for name in TOPICS}

    async def follow(self) -> None:
        """Read until cancelled; while Kafka is away, try again and say so."""
        while True:
            try:
                await self._follow()
            except (KafkaError, OSError, Unavailable) as error:
                self.progress.reason = f"Kafka at {self.settings.kafka} does not answer ({error})"
                log.warning("topics cannot be followed", reason=str(error), retry_s=RETRY_S)
            except sqlite3.OperationalError as error:  # a full disk, for example
                self.progress.reason = f"the history {self.store.path} cannot be written ({error})"
                log.warning("history cannot be written", reason=str(error), retry_s=RETRY_S)
            await asyncio.sleep(RETRY_S)

    async def _follow(self) -> None:
        consumer = AIOKafkaConsumer(
            **client_options(self.settings),
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=LARGEST_LETTER,
        )
        try:
            await consumer.start()
            if not await self._assign(consumer):
                return
            await self._read(consumer)
        finally:
            await consumer.stop()

    async def _assign(self, consumer: AIOKafkaConsumer) -> bool:
        there = await partition_counts(self.settings.kafka, client_options(self.settings))
        missing = [name for name in self._names if name not in there]
        if missing:
            self.progress.reason = f"there is no topic {missing[0]} yet: run `lifecycle topics`"
            return False
        places = [TopicPartition(name, number) for name in self._names for number in range(there[name])]
        consumer.assign(places)
        first, ends = await consumer.beginning_offsets(places), await consumer.end_offsets(places)
        known = self.store.places()
        if any(known.get((place.topic, place.partition), 0) > ends[place] for place in places):
            log.warning("the topics were made anew: history begins again")
            await asyncio.to_thread(self.store.clear)
            known = {}
        for place in places:
            consumer.seek(place, max(first[place], known.get((place.topic, place.partition), 0)))
        waiting = sum(
            ends[place] - max(first[place], known.get((place.topic, place.partition), 0)) for place in places
        )
        self.progress.reason, self.progress.read, self.progress.total = None, 0, waiting
        self.progress.waiting = waiting
        return True

    async def _read(self, consumer: AIOKafkaConsumer) -> None:
        loop = asyncio.get_running_loop()
        cleaned = loop.time()
        while True:
            fetched = await consumer.getmany(timeout_ms=500, max_records=PAGE)
            records = [record for part in fetched.values() for record in part]
            if records:
                positions = {place: part[-1].offset + 1 for place, part in fetched.items() if part}
                await asyncio.to_thread(self._keep, records, positions)
                self.progress.read += len(records)
            await self._look(consumer)
            if loop.time() - cleaned > _RETENTION_EVERY:
                await asyncio.to_thread(forget_old, self.store, self.settings.console.keep_history)
                cleaned = loop.time()

    async def _look(self, consumer: AIOKafkaConsumer) -> None:
        """Note how much waits; transaction markers are no records, so nothing fetched means nothing waits."""
        marks = {place: consumer.highwater(place) for place in consumer.assignment()}
        positions = {place: await consumer.position(place) for place in marks}
        self.progress.waiting = sum(
            max(0, mark - positions[place]) for place, mark in marks.items() if mark is not None
        )
        if not self.progress.waiting:
            self.progress.read = max(self.progress.read, self.progress.total)

    def _keep(self, records: Sequence[Any], positions: Mapping[TopicPartition, int]) -> None:
        """One transaction: what the records say, and that they were read."""
        folds: dict[str, Callable[[Any, list[Any]], None]] = {
            "stage-changes": lambda to, those: self._changes.fold(to, [one.value for one in those]),
            "churn-alerts": lambda to, those: keep_alerts(to, [one.value for one in those]),
            "dead-letters": keep_letters,
            "training": lambda to, those: keep_answers(to, [one.value for one in those]),
        }
        with self.store.writing() as connection:
            for topic, those in groupby(sorted(records, key=attrgetter("topic")), key=attrgetter("topic")):
                folds[self._names[topic]](connection, list(those))
            connection.executemany(
                "INSERT OR REPLACE INTO place VALUES (?, ?, ?)",
                [(place.topic, place.partition, offset) for place, offset in positions.items()],
            )

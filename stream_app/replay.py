"""Sends a source into the topics in event-time order, and tells every partition how far event time has come.

Workers that run by event time learn from ticks: a tick `{"at": T, "offsets": {topic: offset}}` on a partition
of the tick topic promises that everything at or before T that this replay sends to the partition lies below
these offsets. The last tick carries the time of the last event, so that timers due by then fire.
"""

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson

from state import TOPICS, format_instant
from stream_app.batch_sender import BatchSender
from stream_app.replay_topics import ready_partitions
from stream_app.settings import Settings
from stream_app.sources.record import Record
from stream_app.topics import LARGEST_RECORD

_EVENTS_A_TICK = 20_000
_SECONDS_A_TICK = 0.5
_LOOK_EVERY = 256
"""Events after which the clock is looked at."""
_ROOM_FOR_KEY = 64 * 1024

Tell = Callable[["Progress"], None]
"""Is told of the progress, at every tick."""


@dataclass(slots=True)
class Progress:
    """How far a replay has come.

    Args:
        sent: Events by topic, short names.
        refused: Events that were not sent, by reason.
        ticks: Instants told to the partitions.
        first: Earliest event time sent (µs), 0 before the first event.
        at: Event time (µs) that has been reached.
        seconds: Since the first event was sent.
    """

    sent: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    ticks: int = 0
    first: int = 0
    at: int = 0
    seconds: float = 0.0

    @property
    def events(self) -> int:
        """Events sent to all topics."""
        return self.sent.total()

    @property
    def rate(self) -> float:
        """Events sent a second."""
        return self.events / self.seconds if self.seconds else 0.0

    def summary(self) -> dict[str, Any]:
        """The result for machines."""
        return {
            "events": self.events,
            "topics": {topic: self.sent[topic] for topic in TOPICS if self.sent[topic]},
            "refused": dict(self.refused),
            "ticks": self.ticks,
            "first_event_time": format_instant(self.first) if self.events else None,
            "last_event_time": format_instant(self.at) if self.events else None,
            "seconds": round(self.seconds, 3),
            "events_per_second": round(self.rate, 1),
        }


async def replay(
    records: Iterable[Record], settings: Settings, *, speed: float | None = None, tell: Tell | None = None
) -> Progress:
    """Send records; topics that are missing are created.

    Args:
        records: By event time; where they are not, their times count as reached once they were seen.
        settings: Where Kafka is, and how topics are named and made.
        speed: Event seconds a second; by default as fast as possible.
        tell: Hears of the progress.

    Returns:
        The final progress.

    Raises:
        Unavailable: If Kafka does not answer.
        Misconfigured: If the topics do not have the same number of partitions.
        WorkFailed: If the source cannot be read, or Kafka refuses an event.
    """
    partitions = await ready_partitions(settings)
    async with BatchSender(settings, partitions) as sender:
        return await _Replay(sender, settings.topic_prefix, speed, tell).run(iter(records))


class _Replay:
    def __init__(self, sender: BatchSender, prefix: str, speed: float | None, tell: Tell | None) -> None:
        self._sender = sender
        self._topics = {name: prefix + name for name in TOPICS}
        self._ticks = prefix + "ticks"
        self._speed = speed
        self._tell = tell
        self._progress = Progress()
        self._told = 0
        self._since = 0

    async def run(self, records: Iterator[Record]) -> Progress:
        first = next(records, None)
        if first is None:
            return self._progress
        progress, started = self._progress, time.monotonic()
        await self._say_that_ticks_will_come()
        due_tick = started + _SECONDS_A_TICK
        for number, record in enumerate(itertools.chain([first], records)):
            progress.first = progress.first or record.at  # what comes before the first time has none
            if self._speed is not None:
                await self._wait(record.at, started)
            if self._since >= _EVENTS_A_TICK or (number % _LOOK_EVERY == 0 and time.monotonic() >= due_tick):
                progress.seconds = time.monotonic() - started
                # the next event may have the time of the last one, so that its instant is not complete yet
                await self._tick(progress.at if record.at > progress.at else progress.at - 1)
                due_tick = time.monotonic() + _SECONDS_A_TICK
            await self._send(record)
        progress.seconds = time.monotonic() - started
        await self._tick(progress.at, final=True)
        progress.seconds = time.monotonic() - started
        return progress

    async def _say_that_ticks_will_come(self) -> None:
        """Before the first event: who sees this waits for the next tick however long it takes, and so keeps the order."""
        value = orjson.dumps({"at": format_instant(1), "offsets": {}})
        await self._sender.send_to_all(self._ticks, dict.fromkeys(range(self._sender.partitions), value))

    async def _send(self, record: Record) -> None:
        if len(record.value) > LARGEST_RECORD - _ROOM_FOR_KEY:
            self._progress.refused["too_large"] += 1
        else:
            await self._sender.add(self._topics[record.topic], record.customer.encode(), record.value)
            self._progress.sent[record.topic] += 1
        self._since += 1
        self._progress.at = max(self._progress.at, record.at)

    async def _wait(self, at: int, started: float) -> None:
        """Sleep until the sped-up wall clock has come to *at*; meanwhile the partitions get ticks."""
        speed, first = self._speed or 1.0, self._progress.first
        while (left := started + (at - first) / (speed * 1e6) - time.monotonic()) > 0:
            if left > _SECONDS_A_TICK / 10:
                reached = first + int((time.monotonic() - started) * speed * 1e6)
                await self._tick(max(self._told, min(reached, at - 1)))
            await asyncio.sleep(min(left, _SECONDS_A_TICK))

    async def _tick(self, at: int, *, final: bool = False) -> None:
        """Wait until Kafka has everything, then tell all partitions that time has come to *at*."""
        await self._sender.flush()
        self._since = 0
        if at > self._told or final:
            moment = format_instant(at)
            values = {
                partition: orjson.dumps({"at": moment, "offsets": offsets})
                for partition, offsets in enumerate(self._sender.next_offsets)
            }
            await self._sender.send_to_all(self._ticks, values)
            self._progress.ticks += 1
            self._told = at
        if self._tell is not None:
            self._tell(self._progress)

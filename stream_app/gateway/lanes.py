"""What travels to Kafka together, and who waits for it: batches of one partition, and the requests that are part of them."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any, Final

from aiokafka.producer.message_accumulator import BatchBuilder

from stream_app.batch_sender import BATCH_BYTES
from stream_app.gateway.answers import Refused

_SNAPPY: Final = 2  # as Kafka's protocol numbers it


class Ticket:
    """One request that waits for all its batches.

    Args:
        future: Done when they have landed, or one has not.
        size: Bytes that it brought.
        begun: Since when it waits, in seconds of a clock that only grows.
    """

    __slots__ = ("begun", "future", "left", "size")

    def __init__(self, future: asyncio.Future[None], size: int, begun: float = 0.0) -> None:
        self.future = future
        self.size = size
        self.begun = begun
        self.left = 0

    def note(self, error: Refused | None) -> int:
        """Hear of one batch.

        Returns:
            The bytes that wait no longer: none before the last batch has been heard of.
        """
        self.left -= 1
        if not self.future.done():
            if error is not None:
                self.future.set_exception(error)
            elif not self.left:
                self.future.set_result(None)
        return 0 if self.left else self.size

    def expire(self) -> None:
        """Wait no longer."""
        if not self.future.done():
            self.future.set_exception(unavailable("Kafka has not acknowledged in time"))


class Batch:
    """Records of one partition on their way, and who waits for them.

    Args:
        begun: Since when the oldest of them waits, in seconds of a clock that only grows.
        builder: The records as Kafka wants them.
        tickets: Of the requests that it is part of.
    """

    __slots__ = ("begun", "builder", "is_settled", "tickets")

    def __init__(self, begun: float, builder: BatchBuilder, tickets: list[Ticket]) -> None:
        self.begun = begun
        self.builder = builder
        self.tickets = tickets
        self.is_settled = False


class Lane:
    """One partition of one topic: what waits for it, and what is on its way.

    Records wait as they came and are packed when they depart. So one buffer grows at a time; two dozen that grow by turns
    would be moved about in memory all the while.

    Args:
        topic: Full name.
        partition: Its number.

    Attributes:
        since: When the oldest record that waits came.
        waiting: Key, value and headers of each record, one after the other: tuples would cost as much as packing.
        tickets: Of the requests that brought them, each with the place in `waiting` of its first record.
        newest: The last of these.
        in_flight: What is on its way.
    """

    __slots__ = ("in_flight", "newest", "partition", "since", "tickets", "topic", "waiting")

    def __init__(self, topic: str, partition: int) -> None:
        self.topic = topic
        self.partition = partition
        self.since = 0.0
        self.waiting: list[Any] = []
        self.tickets: list[tuple[Ticket, int]] = []
        self.newest: Ticket | None = None
        self.in_flight: Batch | None = None

    def join(self, ticket: Ticket) -> None:
        """Let a request wait for the records that it is about to add."""
        self.newest = ticket
        self.tickets.append((ticket, len(self.waiting)))
        ticket.left += 1

    def depart(self, now: float, at_ms: int) -> Batch:
        """Let go what waits, as far as it fits into a batch; at least one record does.

        Args:
            now: Seconds of a clock that only grows.
            at_ms: Timestamp of the records, milliseconds since 1970.
        """
        builder = BatchBuilder(BATCH_BYTES, _SNAPPY)
        count = _pack(self.waiting, builder._builder.append, at_ms)  # noqa: SLF001 - the public way costs twice as much
        builder._relative_offset = count  # noqa: SLF001 - see above
        builder.close()
        end = count * 3
        if end == len(self.waiting):
            batch = self.in_flight = Batch(self.since, builder, [ticket for ticket, _ in self.tickets])
            self._wait_for([], [], now)
            return batch
        going = [ticket for ticket, first in self.tickets if first < end]
        staying = [(ticket, first - end) for ticket, first in self.tickets if first >= end]
        rest = self.waiting[end:]
        if rest and (not staying or staying[0][1] > 0):
            going[-1].left += 1  # it waits for both
            staying.insert(0, (going[-1], 0))
        batch = Batch(self.since, builder, going)
        self._wait_for(rest, staying, now)
        self.in_flight = batch
        return batch

    def boarded(self) -> Iterator[Ticket]:
        """Whoever waits for something here."""
        if self.in_flight is not None:
            yield from self.in_flight.tickets
        for ticket, _ in self.tickets:
            yield ticket

    def leave(self) -> list[Ticket]:
        """Forget what waits and what is on its way; the tickets of what waited."""
        tickets = [ticket for ticket, _ in self.tickets]
        self._wait_for([], [], 0.0)
        self.in_flight = None
        return tickets

    def _wait_for(self, records: list[Any], tickets: list[tuple[Ticket, int]], since: float) -> None:
        self.waiting, self.tickets, self.since = records, tickets, since
        self.newest = tickets[-1][0] if tickets else None


def _pack(waiting: list[Any], append: Callable[..., Any], at_ms: int) -> int:
    """Append records until one does not fit; how many did."""
    count = 0
    flat = iter(waiting)
    for key, value, headers in zip(flat, flat, flat, strict=True):
        if append(count, at_ms, key or None, value, headers) is None:
            break
        count += 1
    return count


def unavailable(why: str) -> Refused:
    """A refusal that asks to send again later."""
    return Refused(503, "unavailable", f"Events cannot be kept at present: {why}; try again.", 5)

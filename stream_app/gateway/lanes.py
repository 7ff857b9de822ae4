"""What travels to Kafka together, and who waits for it: batches of one partition, and the requests that are part of them."""

import asyncio
from collections import deque
from typing import Final

from aiokafka.producer.message_accumulator import BatchBuilder

from stream_app.gateway.answers import Refused

_SNAPPY: Final = 2  # as Kafka's protocol numbers it


class Ticket:
    """One request that waits for all its batches.

    Args:
        future: Done when they have landed, or one has not.
        size: Bytes that it brought.
    """

    __slots__ = ("future", "left", "size")

    def __init__(self, future: asyncio.Future[None], size: int) -> None:
        self.future = future
        self.size = size
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
    """Records of one partition that travel together, and who waits for them.

    A record is appended by ``append(count, milliseconds, key, value, headers)``, which gives None if it does not fit, and is
    counted by who appends: a call of ours around it would cost as much as the appending.

    Args:
        begun: When, in seconds of a clock that only grows.
        largest: Bytes before compression.
    """

    __slots__ = ("append", "begun", "builder", "count", "is_settled", "last", "tickets")

    def __init__(self, begun: float, largest: int) -> None:
        self.builder = BatchBuilder(largest, _SNAPPY)
        self.append = self.builder._builder.append  # noqa: SLF001 - the public way costs twice as much
        self.count = 0
        self.begun = begun
        self.is_settled = False
        self.last: Ticket | None = None
        self.tickets: list[Ticket] = []

    def close(self) -> BatchBuilder:
        """Take no more; what is to be sent."""
        self.builder._relative_offset = self.count  # noqa: SLF001 - see append
        self.builder.close()
        return self.builder


class Lane:
    """One partition of one topic: what waits for it, the newest of that, and what is on its way."""

    __slots__ = ("batches", "in_flight", "newest", "partition", "topic")

    def __init__(self, topic: str, partition: int) -> None:
        self.topic = topic
        self.partition = partition
        self.batches: deque[Batch] = deque()
        self.newest: Batch | None = None
        self.in_flight: Batch | None = None

    def depart(self) -> Batch:
        """Let the oldest batch go."""
        batch = self.in_flight = self.batches.popleft()
        if not self.batches:
            self.newest = None
        return batch


def unavailable(why: str) -> Refused:
    """A refusal that asks to send again later."""
    return Refused(503, "unavailable", f"Events cannot be kept at present: {why}; try again.", 5)

"""What travels to Kafka together, and who waits for it: batches of one partition, and the requests that are part of them."""

import asyncio
from collections import deque
from typing import Any

from stream_app.gateway.answers import Refused


class Ticket:
    """One request that waits for all its batches."""

    __slots__ = ("future", "left")

    def __init__(self, future: asyncio.Future[None]) -> None:
        self.future = future
        self.left = 0

    def note(self, error: Refused | None) -> None:
        """Hear of one batch."""
        self.left -= 1
        if self.future.done():
            return
        if error is not None:
            self.future.set_exception(error)
        elif not self.left:
            self.future.set_result(None)

    def expire(self) -> None:
        """Wait no longer."""
        if not self.future.done():
            self.future.set_exception(unavailable("Kafka has not acknowledged in time"))


class Batch:
    """Records of one partition that travel together, and who waits for them."""

    __slots__ = ("begun", "builder", "is_settled", "last", "size", "tickets")

    def __init__(self, builder: Any, begun: float) -> None:
        self.builder = builder
        self.begun = begun
        self.is_settled = False
        self.size = 0
        self.last: Ticket | None = None
        self.tickets: list[Ticket] = []


class Lane:
    """One partition of one topic: what waits for it, and what is on its way."""

    __slots__ = ("batches", "in_flight", "partition", "topic")

    def __init__(self, topic: str, partition: int) -> None:
        self.topic = topic
        self.partition = partition
        self.batches: deque[Batch] = deque()
        self.in_flight: Batch | None = None


def unavailable(why: str) -> Refused:
    """A refusal that asks to send again later."""
    return Refused(503, "unavailable", f"Events cannot be kept at present: {why}; try again.", 5)

"""A run between its fold and its marks."""

import asyncio

from stream_app.effects import Effects
from stream_app.worker.journal import Entry

__all__ = ["Delivery"]


class Delivery:
    """A run on its way out: what it has changed, what it finishes, and the run before it."""

    __slots__ = ("arrived", "before", "done", "effects", "handed", "stored", "task")
    task: "asyncio.Task[None]"

    def __init__(
        self,
        stored: Entry,
        effects: Effects,
        done: dict[int, int],
        arrived: float | None,
        before: "Delivery | None",
    ) -> None:
        self.stored = stored
        self.effects = effects
        self.done = done
        self.arrived = arrived
        self.before = before
        #: Resolved when its stage changes are with the producer.
        self.handed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

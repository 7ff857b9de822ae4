"""A run between its fold and its marks."""

import asyncio

from stream_app.effects import Effects
from stream_app.worker.journal import Entry

__all__ = ["Delivery"]


class Delivery:
    """A run on its way out, and the run before it.

    Attributes:
        stored: What of it goes to the changelog first.
        effects: What it has changed and owes.
        told: Offsets by source below which everything is folded and published after it.
        done: Offsets by source below which everything is in the changelog as well.
        arrived: When the oldest event that led to it came to Kafka (s, Unix time).
        handed: Resolved when its stage changes are with the producer.
    """

    __slots__ = ("arrived", "before", "done", "effects", "handed", "stored", "task", "told")
    task: "asyncio.Task[None]"

    def __init__(
        self,
        stored: Entry,
        effects: Effects,
        told: dict[int, int],
        done: dict[int, int],
        arrived: float | None,
        before: "Delivery | None",
    ) -> None:
        self.stored = stored
        self.effects = effects
        self.told = told
        self.done = done
        self.arrived = arrived
        self.before = before
        self.handed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

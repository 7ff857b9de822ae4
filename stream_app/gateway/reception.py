"""What happens to a request that brings events: read, judge each, send, and answer when Kafka has them."""

from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol

from starlette.requests import Request
from starlette.responses import Response

from state import Rejected
from stream_app.gateway.allowance import Room
from stream_app.gateway.answers import Refused
from stream_app.gateway.body import read_body
from stream_app.gateway.clock_skew import Arrival
from stream_app.gateway.figures import Figures
from stream_app.gateway.intake import Intake
from stream_app.gateway.keys import Keys, Sender
from stream_app.gateway.outbox import Outbox
from stream_app.gateway.record import Load, Outgoing, letter
from stream_app.gateway.turns import Turns
from stream_app.settings import Gateway

MOST_EVENTS = 10_000
"""Events of one request; a body full of tiny ones would cost many times its size."""

_GROWTH: Final = 4
_OWN_PART: Final = 1024
"""Bytes of an event that are added to it whatever it holds: times, a message id; and the frame of what a webhook becomes."""


def too_many_events() -> Refused:
    """A refusal of a request with more events than one may hold."""
    return Refused(
        413, "too_many_events", f"A request may hold {MOST_EVENTS:,} events; send smaller batches."
    )


class Clock(Protocol):
    """Where the time comes from."""

    def now(self) -> int:
        """Microseconds since 1970."""

    def monotonic(self) -> float:
        """Seconds that only grow."""


class Judged:
    """The events of one request, one after the other.

    Args:
        sender: Whose they are.
        path: Where they came in.
        arrival: When.
        most: Bytes that may be made of it all: what the events share is written again for each of them.

    Attributes:
        sender: As given.
        load: What to send.
        refusals: Why an event became a dead letter, by its place among them.
    """

    def __init__(self, sender: Sender, path: str, arrival: Arrival, most: int) -> None:
        self.load = Load([], [], [], [], 0)
        self.refusals: dict[int, Rejected] = {}
        self.sender = sender
        self._path = path
        self._arrival = arrival
        self._left = most

    def add(self, raw: bytes, make: Callable[[bytes], Outgoing], original: bytes | None = None) -> None:
        """Judge one event; a bad one becomes a dead letter and costs the others nothing.

        Args:
            raw: The event.
            make: Its record, or `Rejected`.
            original: What was sent, where that is something else.

        Raises:
            Refused: 413 if too much has been made of the request.
        """
        try:
            record = make(raw)
        except Rejected as rejected:
            self.refuse(raw if original is None else original, rejected, len(raw))
        else:
            self._keep(record, len(raw))

    def refuse(self, original: bytes, rejected: Rejected, made: int = 0) -> None:
        """Make a dead letter.

        Args:
            original: What was sent.
            rejected: Why it is none of the events.
            made: Bytes of what had been made of it.

        Raises:
            Refused: As `add`.
        """
        arrival, sender = self._arrival, self.sender
        self.refusals[len(self.load)] = rejected
        self._keep(letter(original, rejected, sender.name, self._path, arrival.received), made)

    def _keep(self, record: Outgoing, made: int) -> None:
        self.load.add(record)
        self._left += _OWN_PART - made - len(record.value)
        if self._left < 0:
            raise Refused(
                413,
                "too_large",
                "What all events of the request share makes it too large; send smaller batches.",
            )

    def leave(self) -> Load:
        """Give the records away: they are packed, and no longer needed, long before Kafka answers."""
        load, self.load = self.load, Load([], [], [], [], 0)
        return load


class Reception:
    """What every route that takes events needs.

    Args:
        settings: Sizes.
        keys: Who may send.
        intake: What is a good event.
        outbox: Where events go.
        figures: What is counted.
        clock: What time it is.
    """

    def __init__(
        self, settings: Gateway, keys: Keys, intake: Intake, outbox: Outbox, figures: Figures, clock: Clock
    ) -> None:
        self.keys = keys
        self.intake = intake
        self.outbox = outbox
        self.figures = figures
        self.clock = clock
        self._largest = settings.max_body_bytes
        self._room = Room(settings.max_queue_bytes)
        self._turns = Turns()
        outbox.is_more_coming = self._turns.is_awaited

    def route(
        self, name: str, handle: Callable[[Request, bytes], Awaitable[Response]]
    ) -> Callable[[Request], Awaitable[Response]]:
        """A route's endpoint: the body is read within bounds, time and outcome are counted.

        Args:
            name: For the metrics.
            handle: Given the request and its body.
        """
        succeeded = self.figures.requests.labels(name, "200")

        async def endpoint(request: Request) -> Response:
            started = self.clock.monotonic()
            try:
                with self._room.share() as share:
                    body = await read_body(request, self._largest, share)
                    await self._turns.take(len(body))
                    answer = await handle(request, body)
            except Refused as refused:
                self.figures.requests.labels(name, str(refused.status)).inc()
                self.figures.refused.labels(refused.code).inc()
                return refused.answer()
            succeeded.inc()
            self.figures.seconds.observe(self.clock.monotonic() - started)
            return answer

        return endpoint

    def arrival(self, sent_at: Any = None) -> Arrival:
        """The arrival of what has just been read."""
        return Arrival(self.clock.now(), sent_at)

    def judging(self, sender: Sender, path: str, arrival: Arrival) -> Judged:
        """A request whose events are yet to be judged.

        Args:
            sender: Whose they are.
            path: Where they came in.
            arrival: When.
        """
        return Judged(sender, path, arrival, _GROWTH * self._largest)

    def admit(self, sender: Sender, events: int) -> None:
        """Let a request in, or refuse it before it costs anything.

        Raises:
            Refused: 413, 429 or 503.
        """
        if events > MOST_EVENTS:
            raise too_many_events()
        wait = sender.allowance.spend(events, self.clock.monotonic())
        if wait:
            raise Refused(
                429, "rate_limited", "This key sends more events than it may; slow down.", max(1, round(wait))
            )
        self.outbox.check()

    async def deliver(self, judged: Judged) -> None:
        """Send what was judged; return when Kafka has it.

        Raises:
            Refused: 503.
        """
        self.outbox.check(judged.load.size)
        good = len(judged.load) - len(judged.refusals)
        await self.outbox.send(judged.sender.tenant, judged.leave())
        self._count(judged, good)

    def _count(self, judged: Judged, good: int) -> None:
        name = judged.sender.name
        if good:
            self.figures.accept(name, good)
        if judged.refusals:
            self.figures.events.labels(name, "dead_letter").inc(len(judged.refusals))
        for rejected in judged.refusals.values():
            self.figures.dead_letters.labels(rejected.reason).inc()

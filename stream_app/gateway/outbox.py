"""How does an event get into Kafka, and when is that certain?

Events of all requests that come within a few milliseconds share one batch for each partition, because a batch costs the
broker and us as much as a single record. A partition has one batch in flight; what comes meanwhile goes with the next.
A request is answered when every batch that it is part of is acknowledged by all replicas.

The producer is idempotent: what it tries again is written once. If it fails for good, whoever waits is told so, and a new
one begins: senders send again under the same message ids.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from itertools import chain
from typing import Any, Final

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from stream_app.batch_sender import Partitions
from stream_app.errors import Misconfigured
from stream_app.gateway.absence import Absence
from stream_app.gateway.answers import Refused
from stream_app.gateway.lanes import Batch, Lane, Ticket, unavailable
from stream_app.gateway.record import DEAD_LETTERS, Load
from stream_app.kafka_clients import client_options
from stream_app.settings import Settings
from stream_app.topic_admin import ensure
from stream_app.topics import LARGEST_LETTER, SOURCES, declare

_SOON_S: Final = 0.002
_ENOUGH_S: Final = 0.012
"""As long as more is known to come, for so long records are gathered: a departure costs a millisecond of work."""
_GATHER_S: Final = 0.025
"""What comes while others are on their way waits until they have landed, because a batch costs as much as many records; but
no longer than this, so that a broker that has stopped holds up its own partitions only."""
_LOOKS: Final = 1 / 16
"""Of the time in which Kafka must have acknowledged, between two looks at who has waited too long."""
_AGAIN_S: Final = 1.0
_RECORD_OVERHEAD: Final = 150
_TOPICS: Final = (*SOURCES, DEAD_LETTERS)
_log: Final = structlog.get_logger(__name__)


class Outbox:
    """Sends records and tells when they are safe.

    Args:
        settings: Where Kafka is, and how much may wait.
        tenants: Prefixes of the topics that are sent to.
        clock: Seconds that only grow.
        now: Microseconds since 1970, for the timestamps of records.

    Attributes:
        waiting_bytes: Of what is not acknowledged yet.
        reason: Why nothing can be sent at present; None when it can.
        wrong: What trying again cannot mend: topics that contradict the configuration.
        on_wrong: Called when that is found.
        is_more_coming: Whether requests that are already here will bring more records, for all that the loop must do first.
    """

    def __init__(
        self, settings: Settings, tenants: Iterable[str], clock: Callable[[], float], now: Callable[[], int]
    ) -> None:
        self.waiting_bytes = 0
        self.reason: str | None = "Kafka has not answered yet"
        self.wrong: Misconfigured | None = None
        self.on_wrong: Callable[[], None] = lambda: None
        self.is_more_coming: Callable[[], bool] = lambda: False
        self._settings = settings
        self._tenants = sorted(tenants)
        self._clock = clock
        self._absence = Absence(clock)
        self._now = now
        self._patience = settings.gateway.answer_within / 1e6
        self._partitions = settings.topics.partitions
        self._numbers = Partitions(self._partitions)
        self._lanes: dict[str, dict[str, list[Lane]]] = {}
        self._dirty: set[Lane] = set()
        self._flights: set[asyncio.Task[None]] = set()
        self._pulse: asyncio.TimerHandle | None = None
        self._watch: asyncio.TimerHandle | None = None
        self._gathering_since = 0.0
        self._airborne: set[Lane] = set()
        self._begun: deque[Batch] = deque()
        self._idle = asyncio.Event()
        self._idle.set()
        self._letters = 0
        self._producer: Any = None
        self._broken = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None

    # ------------------------------------------------------------------- life

    def open(self) -> None:
        """Begin to look for Kafka; whether it is there is told by `reason`."""
        self._keeper = asyncio.create_task(self._keep())

    async def close(self) -> None:
        """Send what waits, as far as Kafka takes it in time, and leave."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), self._patience)
        if self._keeper is not None:
            self._keeper.cancel()
            with suppress(asyncio.CancelledError):
                await self._keeper
        await self._abandon("the gateway is stopping")

    async def _keep(self) -> None:
        """Have a producer, always."""
        while True:
            try:
                await self._begin()
            except Misconfigured as error:
                self.reason, self.wrong = error.sentence, error
                self.on_wrong()
                return
            except Exception as error:  # noqa: BLE001 - whatever it is, it is told, and tried again
                self.reason = " ".join(str(error).split()) or type(error).__name__
                self._absence.noticed(self.reason)
                await asyncio.sleep(_AGAIN_S)
                continue
            self.reason = None
            self._absence.over(self._settings.kafka)
            await self._broken.wait()
            self.reason = "the producer failed; a new one begins"
            _log.warning("kafka producer failed")
            await self._abandon("Kafka refused what was sent")

    async def _begin(self) -> None:
        options = client_options(self._settings)
        for tenant in self._tenants:
            own = {f"{tenant}.{name}" for name in _TOPICS}
            declared = declare(self._settings.model_copy(update={"prefix": tenant}))
            await ensure(self._settings.kafka, [each for each in declared if each.name in own], options)
        producer = AIOKafkaProducer(
            **options,
            acks="all",
            enable_idempotence=True,
            max_request_size=LARGEST_LETTER,
        )
        try:
            await producer.start()
        except (KafkaError, OSError):
            await producer.stop()
            raise
        self._broken.clear()
        self._producer = producer

    async def _abandon(self, why: str) -> None:
        """Tell all who wait that it failed, and let the producer go."""
        producer, self._producer = self._producer, None
        for flight in self._flights:
            flight.cancel()
        for lane in self._all_lanes():
            if lane.in_flight is not None:
                self._settle(lane.in_flight, unavailable(why))
            for ticket in lane.leave():
                self.waiting_bytes -= ticket.note(unavailable(why))
        self._dirty.clear()
        self._airborne.clear()
        if producer is not None:
            with suppress(KafkaError, OSError, TimeoutError):
                await asyncio.wait_for(producer.stop(), self._patience)

    # ------------------------------------------------------------------ asking

    def check(self, size: int = 0) -> None:
        """Refuse at once what could not be answered well.

        Args:
            size: Bytes that would come, if that is known; where nothing waits there is room for anything.

        Raises:
            Refused: 503 while Kafka is away or too much waits for it.
        """
        if self._producer is None:
            raise unavailable(self.reason or "Kafka is away")
        if self._stalled():
            raise unavailable("Kafka has stopped to acknowledge")
        if self.waiting_bytes and self.waiting_bytes + size > self._settings.gateway.max_queue_bytes:
            raise Refused(503, "busy", "Too much waits for Kafka; try again.", 1)

    async def probe(self) -> str | None:
        """Why the gateway is not ready; None if Kafka answers now."""
        if self._producer is None:
            return self.reason or "Kafka is away"
        if self._stalled():
            return "Kafka has stopped to acknowledge"
        try:
            await asyncio.wait_for(self._producer.client.fetch_all_metadata(), 2.0)
        except (KafkaError, OSError, TimeoutError) as error:
            return f"Kafka does not answer ({type(error).__name__})"
        return None

    def _stalled(self) -> bool:
        """Whether the oldest batch waits for longer than a request may."""
        begun = self._begun
        while begun and begun[0].is_settled:
            begun.popleft()
        return bool(begun) and self._clock() - begun[0].begun > self._patience

    # ----------------------------------------------------------------- sending

    async def send(self, tenant: str, load: Load) -> None:
        """Send records, and return when Kafka has them.

        Args:
            tenant: Prefix of their topics.
            load: What to send.

        Raises:
            Refused: 503 if that is not certain in time. Some of them may have arrived, or may yet.
        """
        if not load:
            return
        loop = asyncio.get_running_loop()
        ticket = Ticket(loop.create_future(), load.size + _RECORD_OVERHEAD * len(load), self._clock())
        self._board(tenant, load, ticket)
        del load  # what is in it may go as soon as it is packed, long before Kafka answers
        self.waiting_bytes += ticket.size
        if self._watch is None:
            self._watch = loop.call_later(self._patience * _LOOKS, self._look_round)
        await ticket.future

    def _look_round(self) -> None:
        """Tell those who have waited for so long that the next look would be too late; one timer for all, not one each."""
        self._watch = None
        late = self._clock() - self._patience * (1 - _LOOKS)
        boarded = [ticket for lane in self._all_lanes() for ticket in lane.boarded()]
        for ticket in boarded:
            if ticket.begun <= late:
                ticket.expire()
        if boarded:
            self._watch = asyncio.get_running_loop().call_later(self._patience * _LOOKS, self._look_round)

    def _board(self, tenant: str, load: Load, ticket: Ticket) -> None:
        """Put records into the lanes of their partitions; one loop, because it is run for every event."""
        if self._producer is None:
            raise unavailable(self.reason or "Kafka is away")
        numbers, lanes_of = self._numbers, self._lanes_of(tenant)
        for topic, key, value, headers in zip(load.topics, load.keys, load.values, load.headers, strict=True):
            lanes = lanes_of[topic]
            lane = lanes[numbers[key]] if key else self._any_of(lanes)
            if lane.newest is not ticket:
                if not lane.waiting:
                    self._begin_to_wait(lane)
                lane.join(ticket)
            lane.waiting += (key, value, headers)

    def _begin_to_wait(self, lane: Lane) -> None:
        lane.since = self._clock()
        if not self._dirty:
            self._gathering_since = lane.since
        self._dirty.add(lane)
        self._idle.clear()
        self._await_departure()

    def _lanes_of(self, tenant: str) -> dict[str, list[Lane]]:
        """The partitions of a tenant's topics, by the topic's short name."""
        lanes = self._lanes.get(tenant)
        if lanes is None:
            numbers = range(self._partitions)
            lanes = self._lanes[tenant] = {
                name: [Lane(f"{tenant}.{name}", number) for number in numbers] for name in _TOPICS
            }
        return lanes

    def _any_of(self, lanes: list[Lane]) -> Lane:
        """Dead letters belong to nobody: one partition after the other gets them."""
        self._letters += 1
        return lanes[self._letters % len(lanes)]

    def _await_departure(self) -> None:
        if self._pulse is None:
            wait = _GATHER_S if self._airborne else _SOON_S
            self._pulse = asyncio.get_running_loop().call_later(wait, self._consider)

    def _consider(self) -> None:
        """Depart, unless it is worth while to wait for more."""
        self._pulse = None
        is_early = self._clock() - self._gathering_since < _ENOUGH_S
        if is_early and not self._airborne and self.is_more_coming():
            self._await_departure()
        else:
            self._depart()

    def _depart(self) -> None:
        """Send the next batch of every partition that has none on its way."""
        departing = []
        now, at_ms = self._clock(), self._now() // 1000
        for lane in list(self._dirty):
            if lane.in_flight is None:  # else it comes back here when that one has landed
                departing.append((lane, lane.depart(now, at_ms)))
                if not lane.waiting:
                    self._dirty.discard(lane)
        self._begun.extend(batch for _, batch in departing)
        self._airborne.update(lane for lane, _ in departing)
        flight = asyncio.create_task(self._fly(departing))
        self._flights.add(flight)
        flight.add_done_callback(self._flights.discard)

    async def _fly(self, departing: list[tuple[Lane, Batch]]) -> None:
        for lane, batch in departing:
            try:
                landing = await self._producer.send_batch(batch.builder, lane.topic, partition=lane.partition)
            except Exception as error:  # noqa: BLE001 - whatever it is, those who wait must hear of it
                self._crash(lane, batch, error)
            else:
                landing.add_done_callback(partial(self._landed, lane, batch))

    def _landed(self, lane: Lane, batch: Batch, landing: "asyncio.Future[Any]") -> None:
        error = None if landing.cancelled() else landing.exception()
        if error is not None:
            self._crash(lane, batch, error)
        elif not landing.cancelled() and lane.in_flight is batch:
            self._settle(batch, None)
            lane.in_flight = None
            self._airborne.discard(lane)
            if not self._airborne and self._pulse is not None:
                self._pulse.cancel()
                self._pulse = None
            if self._dirty:
                self._await_departure()
            elif not self._airborne:
                self._idle.set()

    def _crash(self, lane: Lane, batch: Batch, error: BaseException) -> None:
        self._airborne.discard(lane)
        self._settle(batch, unavailable(f"Kafka refused what was sent ({type(error).__name__})"))
        self._broken.set()

    def _settle(self, batch: Batch, error: Refused | None) -> None:
        if batch.is_settled:
            return
        batch.is_settled = True
        for ticket in batch.tickets:
            self.waiting_bytes -= ticket.note(error)
        while self._begun and self._begun[0].is_settled:
            self._begun.popleft()

    def _all_lanes(self) -> Iterator[Lane]:
        return chain.from_iterable(chain.from_iterable(each.values()) for each in self._lanes.values())

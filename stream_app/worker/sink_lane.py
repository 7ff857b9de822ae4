"""Redis, one partition of the stage changes at a time: pushed in order, retried while Redis is away, then marked.

What the worker itself has just published comes here as soon as Kafka has acknowledged it, with the offsets that it got:
reading it back would cost a round trip more. The topic is read all the same, from the committed offset on, and fills in
whatever does not come that way: what was published before the partition came here, what another process wrote, what
found no room while Redis was away. Both ways lead into one queue, in the order of the offsets and without a gap.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from time import monotonic
from typing import Any

import orjson
import structlog
from faust.types import TP

from stream_app.redis_sink import RedisSink, RedisUnavailable, SinkRecord
from stream_app.worker.context import Context
from stream_app.worker.inflow import Inflow
from stream_app.worker.publisher import Record

__all__ = ["SinkLane"]

log = structlog.get_logger(__name__)

_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0
#: Records of the longest push, and of the shortest to which it is cut while Redis does not answer in time.
_PUSH, _LEAST = 2000, 50
#: How often, and for how long (s), the topic is read although everything seems to come by itself.
_LOOK_EVERY, _LOOK = 5.0, 0.3


class SinkLane:
    """Brings one partition of ``stage-changes`` into Redis.

    While Redis does not answer, records wait here and in Kafka; scoring goes on.

    Args:
        context: What all lanes share.
        sink: Writer of Redis.
        partition: The partition.
        generation: Consumer generation in which it was assigned.
        begin: Committed offset: Redis has what lies before it.
    """

    def __init__(
        self, context: Context, sink: RedisSink, partition: int, generation: int, begin: int
    ) -> None:
        self._context = context
        self._sink = sink
        self._partition = partition
        self._generation = generation
        self.tp = TP(context.stage_changes, partition)
        self._inflow = Inflow(begin)
        self._pushed = begin
        self._taken: list[SinkRecord] = []
        self._told = begin
        self._arrivals: deque[tuple[int, int, float]] = deque()
        self._news = asyncio.Event()
        self._closing = False
        sink.forget_partition(partition)

    @property
    def is_told(self) -> bool:
        """Whether all that is published comes here by itself; every few seconds it is read whether that is so."""
        return self._inflow.is_told and monotonic() % _LOOK_EVERY > _LOOK

    def offer(self, records: Sequence[Any]) -> None:
        """Take a fetched run; what has been taken already is passed over."""
        before = self._inflow.next
        self._inflow.read(records)
        if not records[0].headers:  # what is told again was on time once
            self._arrived(before, records[0].timestamp / 1000)
        self._news.set()

    def offer_published(self, first: int, records: Sequence[Record], arrived: float | None) -> None:
        """Take what this worker has published, unless something is missing before it or too much is waiting.

        Args:
            first: Offset of the first record; the others follow without a gap. Negative if Kafka does not say.
            records: Acknowledged, in order.
            arrived: When (s, Unix time) the oldest event behind them came to Kafka; ``None`` if time caused them.
        """
        before = self._inflow.next
        self._inflow.tell(first, records)
        self._told = max(self._told, first + len(records))
        self.mark()
        self._arrived(before, self._context.now() / 1e6 if arrived is None else arrived)
        self._news.set()

    def waiting(self, end: int | None) -> int:
        """Stage changes that Redis does not have, as far as is known; may be asked from another thread.

        Args:
            end: Offset at which the partition ends, as the last fetch has told.
        """
        following = self._inflow.next
        # Of a topic that was never read it is not known where it begins: what was there before may be long deleted.
        unread = max(0, max(self._told, end or 0) - following) if following else 0
        return len(self._inflow) + len(self._taken) + unread

    def _arrived(self, before: int, at: float) -> None:
        """Keep since when (s, Unix time) those wait that have just joined the queue."""
        end = self._inflow.next
        if end > before:
            self._arrivals.append((end - 1, end - before, at))

    def mark(self) -> None:
        """Mark what has come, and what Redis has; void until the marks of the generation have begun."""
        self._context.marks.reach(self._generation, self.tp, self._inflow.next)
        self._context.marks.finish(self._generation, self.tp, self._pushed)

    async def close(self) -> None:
        """Stop after the push under way."""
        self._closing = True
        self._news.set()

    async def run(self) -> None:
        """Push until closed."""
        pause, most = _SHORTEST_PAUSE, _PUSH
        while not self._closing:
            self._taken = self._taken or self._inflow.pop(_PUSH)
            if not self._taken:
                self._news.clear()
                await self._news.wait()
                continue
            part = self._taken[:most]
            if await self._push(part):
                self._taken, self._pushed = self._taken[most:], part[-1].offset + 1
                pause, most = _SHORTEST_PAUSE, min(most * 2, _PUSH)
                self.mark()
            else:  # what was too much for a slow Redis will be too much again
                await asyncio.sleep(pause)
                pause, most = min(pause * 2, _LONGEST_PAUSE), max(most // 2, _LEAST)
            self._context.progressed()  # waiting for Redis is no standstill of the worker

    async def _push(self, batch: list[SinkRecord]) -> bool:
        """Push one batch; ``False`` if Redis does not take it."""
        metrics, started = self._context.metrics, monotonic()
        try:
            result = await self._sink.push(self._partition, batch)
        except RedisUnavailable as error:
            metrics.redis_up.set(0)
            log.warning("Redis is not written, trying again", partition=self._partition, error=str(error))
            return False
        metrics.redis_up.set(1)
        metrics.redis_push.observe(monotonic() - started)
        self._observe_latency(batch[-1].offset)
        if result.lost:
            await self._ask_to_republish()
        return True

    def _observe_latency(self, upto: int) -> None:
        now = self._context.now() / 1e6
        while self._arrivals and self._arrivals[0][0] <= upto:
            _, changes, at = self._arrivals.popleft()
            self._context.metrics.stage_change_latency.observe(max(0.0, now - at), changes)

    async def _ask_to_republish(self) -> None:
        log.warning("Redis has lost data, republishing the partition", partition=self._partition)
        request = Record(None, orjson.dumps({"republish": f"lost-{self._partition}-{self._context.now()}"}))
        topic, partition = self._context.route("ticks", self._partition)
        for future in await self._context.publisher.send(topic, partition, [request]):
            await future

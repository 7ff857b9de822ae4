"""The thread in which aiokafka fetches, with what Faust fixes made open: the wait of a fetch, and what it hands out."""

import asyncio
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from stream_app.worker.bare_records import bare

__all__ = ["ConsumerThread"]

#: Bytes that a broker may gather: what no fetch reaches within the longest wait unless there is a backlog.
_GATHERED = 1 << 20


class ConsumerThread(driver.AIOKafkaConsumerThread):
    """The consumer thread with the wait of a fetch made a setting (Faust fixes it at 1.5 s)."""

    def _create_worker_consumer(self, transport: driver.Transport) -> AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        # A fetch that covers only partitions that are caught up waits for its whole long poll and holds up the
        # next fetch of a busy partition on the same broker: the wait is a latency and throughput setting.
        consumer._fetch_max_wait_ms = self.consumer.fetch_wait_ms  # type: ignore[attr-defined]  # noqa: SLF001
        return consumer

    async def on_start(self) -> None:
        """Connect; records come as they lie in their batches."""
        await super().on_start()
        bare(self._ensure_consumer())

    async def getmany(  # the signature is Faust's
        self,
        active_partitions: set[TP] | None,
        timeout: float,  # noqa: ASYNC109
    ) -> Any:
        """Fetch records; without the queue by which Faust calls this thread, which makes three tasks of every call."""
        consumer = self._ensure_consumer()
        most = consumer._max_poll_records  # noqa: SLF001
        work = self._fetch_records(consumer, active_partitions or set(), timeout=timeout, max_records=most)
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self.thread_loop))

    def gather(self, seconds: float) -> None:
        """Let the broker gather records for so long before it answers the fetches from now on; 0: answer at once."""
        fetcher = self._ensure_consumer()._fetcher  # noqa: SLF001 - the client has no other way
        fetcher._fetch_min_bytes = _GATHERED if seconds else 1  # noqa: SLF001
        fetcher._fetch_max_wait_ms = round(seconds * 1000) or self.consumer.fetch_wait_ms  # type: ignore[attr-defined]  # noqa: SLF001

    def state_of(self, tp: TP) -> Any:
        """Position and end of a topic-partition as the client knows them; ``None`` if it is not assigned."""
        subscription = self._ensure_consumer()._subscription.subscription  # noqa: SLF001 - the client asserts what may change
        assignment = None if subscription is None else subscription.assignment
        return None if assignment is None else assignment.state_value(TopicPartition(*tp))

    async def leave_unread(self, partitions: set[TP]) -> None:
        """Fetch everything but these partitions."""
        await self.call_thread(self._leave_unread, partitions)

    async def _leave_unread(self, partitions: set[TP]) -> None:
        consumer = self._ensure_consumer()
        unread = {TopicPartition(*tp) for tp in partitions} & consumer.assignment()
        consumer.resume(*(consumer.paused() - unread))
        consumer.pause(*unread)

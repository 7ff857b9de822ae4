"""Looks at the committed offsets, the workers' own counters and their memory all the while, from outside."""

import asyncio
import re
import threading
import time
from collections.abc import Callable
from contextlib import suppress

import psutil
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from stream_app.kafka_clients import client_options
from stream_app.topics import SOURCES
from tests.bench.faults.crew import Crew
from tests.bench.faults.figures import Look, Memory
from tests.integration.workers import Offsets, Tenant

_EVERY_S = 0.25
_WEIGH_EVERY_S = 1.0
_DUPLICATES = re.compile(rb'lifecycle_events_total\{outcome="duplicate",topic="[\w.-]+"\} ([0-9.e+]+)')


class Watch:
    """Samples of progress, in a thread.

    Args:
        tenant: Whose group.
        crew: Whose counters.
        sent: Records sent so far, by partition.

    Attributes:
        committed: As last seen.
        looks: What was sent and committed, over time.
    """

    def __init__(self, tenant: Tenant, crew: Crew, sent: Callable[[], list[int]]) -> None:
        self.committed: Offsets = {}
        self.looks: list[Look] = []
        self._tenant = tenant
        self._crew = crew
        self._sent = sent
        self._moved: list[float] = [time.monotonic()] * tenant.partitions
        self._last = [0] * tenant.partitions
        self._pauses: list[tuple[float, float]] = []
        self._duplicates: dict[str, float] = {}
        self._memory: dict[int, list[Memory]] = {}
        self._weighed = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="watch", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._thread.join()

    @property
    def duplicates(self) -> int:
        """Records that workers met again, as far as their counters were seen before they died."""
        return int(sum(self._duplicates.values()))

    @property
    def lives(self) -> list[list[Memory]]:
        """Resident memory of every worker process."""
        return [*self._memory.values()]

    def pauses(self, faults: list[float]) -> list[float]:
        """For each fault, the longest standstill of a partition with work, in seconds, until the next fault."""
        ends = [*faults[1:], time.monotonic()][: len(faults)]
        found = []
        for fault, end in zip(faults, ends, strict=True):
            spans = [until - since for since, until in self._pauses if until > fault and since < end]
            found.append(round(max(spans, default=0.0), 2))
        return found

    async def _run(self) -> None:
        while not self._over.is_set():
            try:
                await self._sample()
            except (KafkaError, OSError, AssertionError):
                await asyncio.sleep(_EVERY_S)

    async def _sample(self) -> None:
        admin = AIOKafkaAdminClient(**client_options(self._tenant.settings))
        await admin.start()
        try:
            while not self._over.is_set():
                async with asyncio.timeout(5):
                    found = await admin.list_consumer_group_offsets(self._tenant.prefix)
                self._note({(tp.topic, tp.partition): each.offset for tp, each in found.items()})
                await asyncio.to_thread(self._scrape)
                await asyncio.sleep(_EVERY_S)
        except TimeoutError:
            return
        finally:
            with suppress(KafkaError, OSError):
                await admin.close()

    def _note(self, committed: Offsets) -> None:
        self.committed = committed
        now, sent = time.monotonic(), self._sent()
        finished = []
        for partition in range(self._tenant.partitions):
            done = sum(max(0, committed.get((self._tenant.topic(name), partition), 0)) for name in SOURCES)
            if done > self._last[partition]:
                self._pauses.append((self._moved[partition], now))
            if done > self._last[partition] or done >= sent[partition]:
                self._moved[partition] = now
            self._last[partition] = done
            finished.append(done)
        self.looks.append(Look(now, tuple(sent), tuple(finished)))

    def _scrape(self) -> None:
        self._weigh()
        for log, page in self._crew.metrics(patience=1).items():
            self._duplicates[str(log)] = sum(float(number) for number in _DUPLICATES.findall(page))

    def _weigh(self) -> None:
        now = time.monotonic()
        if now - self._weighed < _WEIGH_EVERY_S:
            return
        self._weighed = now
        for pid in self._crew.pids():
            with suppress(psutil.Error):
                resident = psutil.Process(pid).memory_info().rss
                self._memory.setdefault(pid, []).append(Memory(now, resident))

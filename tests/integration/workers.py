"""A tenant of the servers of this run: its own prefix, a real `lifecycle worker`, and looks from outside."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Self
from uuid import uuid4

import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError

from stream_app.batch_sender import partition_of
from stream_app.kafka_clients import client_options
from stream_app.redis_connection import connect
from stream_app.settings import Settings, load_settings
from stream_app.topic_admin import ensure
from stream_app.topics import LARGEST_RECORD, SOURCES, changelog_name, declare

PATIENCE_S = 180.0
LARGEST_SENT = 2 * LARGEST_RECORD

Offsets = dict[tuple[str, int], int]


class Sent(NamedTuple):
    """A record to send; without a partition it goes where murmur2 of the key puts it."""

    topic: str
    key: bytes | None
    value: bytes | None
    partition: int | None = None
    headers: Sequence[tuple[str, bytes]] = ()


class Place(NamedTuple):
    """Where a record stands."""

    topic: str
    partition: int
    offset: int


class Found(NamedTuple):
    """A record as a consumer sees it."""

    place: Place
    key: bytes | None
    value: bytes | None
    headers: dict[str, bytes]


class Served(NamedTuple):
    """What Redis serves."""

    customers: dict[str, dict[str, str]]
    counts: dict[str, int]
    risks: dict[str, float]


class Outcome(NamedTuple):
    """What came of a command."""

    code: int
    output: str
    errors: str


class Worker:
    """A running `lifecycle worker`; what it says on standard error goes to a file."""

    def __init__(self, process: "subprocess.Popen[bytes]", log: Path) -> None:
        self.process = process
        self._log = log

    @property
    def said(self) -> list[str]:
        """Lines on standard error."""
        return self._log.read_text("utf-8").splitlines()

    def complaints(self) -> list[str]:
        """The lines for the operator, without log records."""
        return [line for line in self.said if not line.startswith("{")]

    def has_said(self, text: str) -> bool:
        return any(text in line for line in self.said)

    def check(self) -> None:
        """Fails if the process has ended."""
        code = self.process.poll()
        assert code is None, f"the worker ended with {code}: {self.complaints()[-3:]}"

    def stop(self) -> int:
        """Ask it to end; kill it when it does not."""
        self.process.terminate()
        try:
            return self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise


class Tenant:
    """One prefix on shared servers, and everything a test wants to do and see there."""

    def __init__(self, kafka: str, redis_url: str, directory: Path, partitions: int = 2) -> None:
        self.directory = directory
        self.partitions = partitions
        self.environment = {
            "LIFECYCLE_KAFKA": kafka,
            "LIFECYCLE_REDIS": redis_url,
            "LIFECYCLE_PREFIX": f"t{uuid4().hex[:10]}",
            "LIFECYCLE_DATA_DIR": str(directory / "data"),
            "LIFECYCLE_TOPICS__PARTITIONS": str(partitions),
            "LIFECYCLE_WORKER__COMMIT_INTERVAL": "100ms",
            "LIFECYCLE_WORKER__TICK_INTERVAL": "500ms",
            "LIFECYCLE_WORKER__SESSION_TIMEOUT": "6s",
            "LIFECYCLE_WORKER__HEARTBEAT": "1s",
        }
        self._processes: list[subprocess.Popen[bytes]] = []

    @property
    def settings(self) -> Settings:
        return load_settings(environment=self.environment)

    @property
    def prefix(self) -> str:
        return self.environment["LIFECYCLE_PREFIX"]

    def topic(self, name: str) -> str:
        return f"{self.prefix}.{name}"

    @property
    def changelog(self) -> str:
        return changelog_name(self.settings)

    def home(self, customer: str) -> int:
        """Partition of a customer."""
        return partition_of(customer.encode(), self.partitions)

    def lifecycle(self, text: str) -> Path:
        """Write a lifecycle file and have the following commands use it."""
        path = self.directory / "lifecycle.toml"
        path.write_text(text, "utf-8")
        self.environment["LIFECYCLE_LIFECYCLES"] = str(path)
        return path

    # ------------------------------------------------------------- processes

    def _environment(self, more: Mapping[str, str]) -> dict[str, str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("LIFECYCLE_")}
        return {**clean, **self.environment, **more}

    def command(self, *words: str, **more: str) -> "subprocess.CompletedProcess[str]":
        """Run a command to its end."""
        return self._run(["stream_app", *words], more)

    def commands(self, runs: Sequence[tuple[Sequence[str], Mapping[str, str]]]) -> list[Outcome]:
        """Run several commands, given by their words and more variables, in one process."""
        told = orjson.dumps([[list(words), dict(more)] for words, more in runs]).decode()
        done = self._run(["tests.integration.commands"], {}, told)
        assert done.returncode == 0, done.stderr
        return [Outcome(*outcome) for outcome in orjson.loads(done.stdout)]

    def _run(
        self, words: Sequence[str], more: Mapping[str, str], told: str | None = None
    ) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", *words], input=told,
            env=self._environment(more), capture_output=True, text=True, timeout=PATIENCE_S, check=False,
        )  # fmt: skip

    def start(self, *flags: str, command: str = "worker", **more: str) -> Worker:
        """Start a worker, or another command that runs on; it ends with the tenant."""
        log = self.directory / f"{command}-{len(self._processes)}.log"
        with log.open("wb") as stderr:
            process = subprocess.Popen(
                [sys.executable, "-m", "stream_app", command, *flags],
                env=self._environment(more), stdout=subprocess.DEVNULL, stderr=stderr,
            )  # fmt: skip
        self._processes.append(process)
        return Worker(process, log)

    @contextmanager
    def worker(self, *flags: str) -> Iterator[Worker]:
        """A worker for as long as the block; it must end well."""
        worker = self.start(*flags)
        yield worker
        worker.check()
        assert worker.stop() == 0, worker.complaints()

    def end(self) -> None:
        """Leave no process behind."""
        for process in self._processes:
            if process.poll() is None:
                process.kill()
                process.wait()

    # ----------------------------------------------------------------- Kafka

    def create_topics(self) -> None:
        settings = self.settings
        asyncio.run(ensure(settings.kafka, declare(settings), client_options(settings)))

    def send(self, records: Sequence[Sent]) -> list[Place]:
        """Send in this order; where each record stands then."""

        async def sending() -> list[Place]:
            options = client_options(self.settings)
            async with AIOKafkaProducer(**options, max_request_size=LARGEST_SENT, linger_ms=5) as producer:
                waiting = []
                for record in records:
                    partition = record.partition
                    if partition is None:
                        partition = partition_of(record.key or b"", self.partitions)
                    topic, headers = self.topic(record.topic), list(record.headers)
                    future = await producer.send(topic, record.value, record.key, partition, headers=headers)
                    waiting.append(future)
                done = await asyncio.gather(*waiting)
            return [Place(each.topic, each.partition, each.offset) for each in done]

        return asyncio.run(sending())

    def tick(self, at: str) -> None:
        """Let event time come to *at*: all that was sent lies before it."""
        ends = self._ends(SOURCES)
        values = [
            {"at": at, "offsets": {topic: end for (topic, p), end in ends.items() if p == partition}}
            for partition in range(self.partitions)
        ]
        self.send([Sent("ticks", None, orjson.dumps(value), p) for p, value in enumerate(values)])

    def _ends(self, names: Sequence[str]) -> Offsets:
        async def asking() -> Offsets:
            consumer = AIOKafkaConsumer(**client_options(self.settings))
            await consumer.start()
            try:
                wanted = [TopicPartition(self.topic(n), p) for n in names for p in range(self.partitions)]
                found = await consumer.end_offsets(wanted)
            finally:
                await consumer.stop()
            return {(tp.topic, tp.partition): end for tp, end in found.items()}

        return asyncio.run(asking())

    def committed(self) -> Offsets:
        """What the worker's group has committed; empty if it never has."""

        async def asking() -> Offsets:
            async with self._admin() as admin:
                try:
                    found = await admin.list_consumer_group_offsets(self.prefix)
                except GroupCoordinatorNotAvailableError:  # nobody has ever used a group on this broker
                    return {}
            return {(tp.topic, tp.partition): each.offset for tp, each in found.items() if each.offset >= 0}

        return asyncio.run(asking())

    def _admin(self) -> "_Admin":
        return _Admin(**client_options(self.settings))

    def records(self, topic: str) -> list[Found]:
        """All records of a topic, by partition and offset."""

        async def reading() -> list[Found]:
            consumer = AIOKafkaConsumer(
                **client_options(self.settings), auto_offset_reset="earliest", enable_auto_commit=False,
                max_partition_fetch_bytes=LARGEST_SENT,
            )  # fmt: skip
            await consumer.start()
            try:
                wanted = [TopicPartition(topic, p) for p in range(self.partitions)]
                consumer.assign(wanted)
                ends = await consumer.end_offsets(wanted)
                found: list[Found] = []
                for tp in wanted:
                    while await consumer.position(tp) < ends[tp]:
                        for record in (await consumer.getmany(tp, timeout_ms=500)).get(tp, ()):
                            place = Place(record.topic, record.partition, record.offset)
                            found.append(Found(place, record.key, record.value, dict(record.headers)))
                return found
            finally:
                await consumer.stop()

        return asyncio.run(reading())

    def dead_letters(self) -> list[Found]:
        return self.records(self.topic("dead-letters"))

    # ----------------------------------------------------------------- Redis

    def redis(self, ask: Callable[[Any], Awaitable[Any]]) -> Any:
        """Ask Redis something."""

        async def asking() -> Any:
            client = connect(self.environment["LIFECYCLE_REDIS"])
            try:
                return await ask(client)
            finally:
                await client.aclose()

        return asyncio.run(asking())

    def served(self) -> Served:
        """Everything that Redis serves of this tenant."""

        async def reading(client: Any) -> Served:
            start = f"{self.prefix}:customer:{{"
            customers = {}
            async for key in client.scan_iter(match=f"{start}*", count=1000):
                fields = {k.decode(): v.decode() for k, v in (await client.hgetall(key)).items()}
                if "stage" in fields:
                    customers[key.decode()[len(start) : -1]] = fields
            counts = await client.hgetall(f"{self.prefix}:stage-counts")
            risks = await client.zrange(f"{self.prefix}:churn-risk", 0, -1, withscores=True)
            return Served(
                {c: {k: v for k, v in fields.items() if k != "_sink"} for c, fields in customers.items()},
                {stage.decode(): int(n) for stage, n in counts.items() if int(n)},
                {customer.decode(): risk for customer, risk in risks},
            )

        return self.redis(reading)  # type: ignore[no-any-return]

    # --------------------------------------------------------------- waiting

    def drain(self, worker: Worker) -> None:
        """Wait until everything sent is finished, and what followed from it is in Redis."""
        wanted = {place: end for place, end in self._ends((*SOURCES, "ticks")).items() if end}
        self._await_commits(worker, wanted)
        self._await_notes(worker)
        self._await_commits(worker, {p: end for p, end in self._ends(("stage-changes",)).items() if end})

    def _await_notes(self, worker: Worker) -> None:
        """What an event or a note has caused is on the topic before it is committed."""
        wanted: Offsets = {}
        while wanted != (wanted := {p: end for p, end in self._ends(("identities",)).items() if end}):
            self._await_commits(worker, wanted)

    def _await_commits(self, worker: Worker, wanted: Offsets) -> None:
        def is_done() -> bool:
            done = self.committed()
            return all(done.get(place, 0) >= end for place, end in wanted.items())

        until(is_done, worker, lambda: f"wanted {wanted}, committed {self.committed()}")


class _Admin(AIOKafkaAdminClient):  # type: ignore[misc]  # aiokafka ships no types
    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.close()


def until(
    condition: Callable[[], object], worker: Worker | None = None, why: Callable[[], str] = lambda: ""
) -> None:
    """Wait until *condition* holds, for as long as the worker lives."""
    end = time.monotonic() + PATIENCE_S
    while not condition():
        if worker is not None:
            worker.check()
        assert time.monotonic() < end, f"waited in vain; {why()}; {worker.said[-5:] if worker else ''}"
        time.sleep(0.1)

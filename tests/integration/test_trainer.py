"""One trainer, any number of deaths: the models are those of an uninterrupted run."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from aiokafka import AIOKafkaProducer

from scorers.example import Example, encode_example
from scorers.learner import Learner
from scorers.predictor import Predictor, predictor_of
from scorers.snapshot import MAGIC, Snapshot, SnapshotRefused
from stream_app.kafka_clients import client_options
from stream_app.model_feed import follow
from stream_app.model_file import load_models, save_models
from stream_app.model_topic import RECORD_KEY, ModelTopic, newest_snapshot
from stream_app.scoring import Track, load_lifecycles
from stream_app.settings import Settings
from stream_app.topic_admin import ensure
from stream_app.topics import declare
from stream_app.trainer import Pace, Trainer
from stream_app.trainer_lease import fencing_producer
from stream_app.training import Training
from tests.scorers.buyers import examples

pytestmark = pytest.mark.integration

KEY = "a key for tests that is long enough"
QUICK = Pace(broadcast_s=0.2, broadcast_examples=50, poll_s=0.05, session_s=6.0)


def for_task(topic: ModelTopic, count: int) -> list[Example]:
    """Seeded examples under the stage names of the configured lifecycle."""
    [task] = topic.tasks.values()
    names = dict(zip(("prospect", "customer", "loyal", "lapsed"), task.stages, strict=False))
    return [
        msgspec.structs.replace(
            example,
            lifecycle=task.lifecycle,
            stage=names[example.stage],
            next=names[example.next or example.stage],
            next_stage={names[stage]: p for stage, p in example.next_stage.items()},
            deadline_stage=names.get(example.deadline_stage, ""),
        )
        for example in examples(count, ask_learner=False)
    ]


async def fresh_topic(kafka: str) -> tuple[Settings, ModelTopic]:
    settings = Settings(kafka=kafka, prefix=f"t{uuid4().hex[:12]}")
    client = client_options(settings)
    wanted = tuple(topic for topic in declare(settings) if topic.partitions == 1)
    await ensure(settings.kafka, wanted, client)
    [lifecycle] = load_lifecycles(settings.lifecycles)
    task = Track(lifecycle).task
    return settings, ModelTopic(client, settings.topic_prefix, KEY.encode(), {task.lifecycle: task})


async def send(topic: ModelTopic, made: Sequence[Example], pause: float = 0.0) -> None:
    async with AIOKafkaProducer(**topic.client) as producer:
        for start in range(0, len(made), 20):
            for example in made[start : start + 20]:
                await producer.send(topic.training.topic, encode_example(example), partition=0)
            await producer.flush()
            await asyncio.sleep(pause)


def oracle(topic: ModelTopic, made: Sequence[Example]) -> dict[str, Predictor]:
    training = Training(topic.tasks)
    for offset, example in enumerate(made):
        training.absorb(offset, encode_example(example))
    return training.state.predictors()


async def snapshot_at(topic: ModelTopic, offset: int, seconds: float = 60.0) -> Snapshot:
    async with asyncio.timeout(seconds):
        while True:
            snapshot = await newest_snapshot(topic)
            if snapshot is not None and snapshot.offset >= offset:
                return snapshot
            await asyncio.sleep(0.2)


@asynccontextmanager
async def trainer(topic: ModelTopic, **how: Any) -> AsyncIterator[Trainer]:
    running, stop = Trainer(topic, lambda: time.time_ns() // 1000, QUICK, **how), asyncio.Event()
    task = asyncio.create_task(running.run(stop))
    try:
        yield running
    finally:
        stop.set()
        await task


async def until(condition: Callable[[], object], seconds: float = 30.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - the world outside sets no asyncio.Event
            await asyncio.sleep(0.02)


def test_followers_get_the_models_of_an_uninterrupted_run(kafka: str) -> None:
    async def scenario() -> None:
        _, topic = await fresh_topic(kafka)
        made = for_task(topic, 300)
        got: list[Snapshot] = []
        following = asyncio.create_task(follow(topic, got.append))
        async with trainer(topic):
            await send(topic, made)
            await snapshot_at(topic, 300)
        async with trainer(topic) as again:  # from its snapshot, with nothing new to say
            await until(lambda: again.training)
            assert again.training is not None
            assert again.training.state.offset == 300
        assert again.published == 0
        await asyncio.sleep(0.5)
        following.cancel()
        assert [s.offset for s in got] == sorted({s.offset for s in got})
        assert got[-1].predictors == oracle(topic, made)

    asyncio.run(scenario())


def test_a_forged_snapshot_is_refused_by_all_and_rebuilt(kafka: str) -> None:
    async def scenario() -> None:
        _, topic = await fresh_topic(kafka)
        made = for_task(topic, 120)
        async with trainer(topic):
            await send(topic, made)
            await snapshot_at(topic, 120)
        got: list[Snapshot] = []
        refused: list[SnapshotRefused] = []
        following = asyncio.create_task(follow(topic, got.append, refused.append))
        await until(lambda: got)
        async with AIOKafkaProducer(**topic.client) as producer:
            await producer.send_and_wait(topic.models.topic, MAGIC + b"x" * 500, key=RECORD_KEY)
        await until(lambda: refused)
        assert (len(got), refused[0].reason) == (1, "signature")
        async with trainer(topic):
            rebuilt = await rebuilt_snapshot(topic)
        assert rebuilt.predictors == oracle(topic, made)
        following.cancel()

    async def rebuilt_snapshot(topic: ModelTopic) -> Snapshot:
        async with asyncio.timeout(30):
            while True:
                try:
                    snapshot = await newest_snapshot(topic)
                except SnapshotRefused:
                    await asyncio.sleep(0.1)
                    continue
                assert snapshot is not None
                return snapshot

    asyncio.run(scenario())


def test_rebuilding_learns_everything_again_and_ends_at_the_same_models(kafka: str) -> None:
    async def scenario() -> None:
        _, topic = await fresh_topic(kafka)
        made = for_task(topic, 150)
        await send(topic, made)
        async with trainer(topic):
            before = await snapshot_at(topic, 150)
        async with trainer(topic, rebuild=True) as again:
            await until(lambda: again.published)
        after = await newest_snapshot(topic)
        assert after is not None
        assert after.created_at != before.created_at
        assert after.predictors == before.predictors

    asyncio.run(scenario())


def test_a_trainer_begins_with_what_history_taught_and_only_once(kafka: str, tmp_path: Path) -> None:
    """A supervisor starts the same command again and again: the file must not undo what came after it."""

    async def scenario() -> None:
        _, topic = await fresh_topic(kafka)
        made = for_task(topic, 160)
        [task] = topic.tasks.values()
        history = Learner(task)
        for example in made[:80]:
            history.learn(example)
        file = tmp_path / "history.model"
        save_models(file, {task.lifecycle: history}, topic.key, "2026-01-01T00:00:00Z")
        start = partial(load_models, file, topic.key, topic.tasks)

        async with trainer(topic, start=start):
            loaded = await snapshot_at(topic, 0)  # at once: workers need not wait for a label
            await send(topic, made[80:])
            learned = await snapshot_at(topic, 80)
        assert loaded.predictors[task.lifecycle] == predictor_of(history)
        assert learned.predictors == oracle(topic, made)
        async with trainer(topic, start=start) as again:
            await until(lambda: again.training)
            assert again.training is not None
            assert (again.training.learned, again.training.state.offset) == (160, 80)

    asyncio.run(scenario())


def test_a_trainer_that_was_overtaken_cannot_publish(kafka: str) -> None:
    async def scenario() -> None:
        _, topic = await fresh_topic(kafka)
        made = for_task(topic, 200)
        await send(topic, made[:100])
        async with trainer(topic) as old:
            await snapshot_at(topic, 100)
            usurper = fencing_producer(topic.client, topic.prefix)  # what a successor does first
            await usurper.start()
            await send(topic, made[100:])
            await until(lambda: old.training is None)
            # Fenced, it forgot what it had not published, joined again, and learned from its last snapshot.
            snapshot = await snapshot_at(topic, 200)
            await usurper.stop()
        assert snapshot.predictors == oracle(topic, made)

    asyncio.run(scenario())


def test_a_trainer_killed_in_mid_stream_loses_and_doubles_nothing(kafka: str, tmp_path: Path) -> None:
    """The command itself: two processes, one active, one standby; the active one is killed with -9, twice."""

    async def scenario() -> None:
        settings, topic = await fresh_topic(kafka)
        made = for_task(topic, 900)
        environment = {
            **os.environ,
            "LIFECYCLE_KAFKA": kafka,
            "LIFECYCLE_PREFIX": settings.prefix,
            "LIFECYCLE_DATA_DIR": str(tmp_path),
            "LIFECYCLE_MODELS__KEY": KEY,
            "LIFECYCLE_MODELS__BROADCAST_EVERY": "200ms",
        }

        def start() -> subprocess.Popen[bytes]:
            log = (tmp_path / f"{uuid4().hex}.log").open("wb")
            with log:
                return subprocess.Popen(
                    [sys.executable, "-m", "stream_app", "trainer"], env=environment, stderr=log
                )

        sending = asyncio.create_task(send(topic, made, pause=0.4))
        processes = [start()]
        try:
            learned = await snapshot_at(topic, 1)
            for _ in range(2):
                processes.append(start())
                await asyncio.sleep(2)  # it is a standby by now, or still on its way to be one
                processes[-2].kill()
                learned = await snapshot_at(topic, min(learned.offset + 100, 900))
            await sending
            snapshot = await snapshot_at(topic, 900)
        finally:
            for process in processes:
                process.terminate()
            codes = [process.wait(30) for process in processes]
        assert codes == [-signal.SIGKILL, -signal.SIGKILL, 0]
        assert snapshot.predictors == oracle(topic, made)

    asyncio.run(scenario())

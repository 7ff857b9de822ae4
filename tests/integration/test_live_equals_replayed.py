"""Worker and trainer over Kafka against `backtest`: the same questions, the same answers, the same predictions.

Predictions may differ by one thing only: a worker goes on with the models it has until newer ones reach it. So each
prediction is compared with what the models of its own version say, and where that version is 0 with the backtest's.
"""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from xxhash import xxh3_64_intdigest

from scorers.evaluation import log_loss
from scorers.example import Example, decode_example, encode_example
from scorers.predictor import Predictor
from state import parse_instant
from stream_app.kafka_clients import client_options
from stream_app.model_topic import newest_snapshot
from stream_app.model_topic_of import model_topic
from stream_app.training import Training
from tests.integration.workers import Tenant, Worker, until
from tests.stream_app.test_churn_definitions import LIFECYCLE, history, written

pytestmark = pytest.mark.integration
PARTS = 2


@contextmanager
def trainer(tenant: Tenant) -> Iterator[None]:
    log = tenant.directory / "trainer.log"
    with log.open("wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "stream_app", "trainer"], env=tenant._environment({}), stderr=stderr
        )
    try:
        yield
        assert process.poll() is None, log.read_text()[-2000:]
    finally:
        process.terminate()
        process.wait(30)


def learned_from(tenant: Tenant) -> list[Example]:
    """Everything on the training topic."""

    async def reading() -> list[Example]:
        consumer = AIOKafkaConsumer(**client_options(tenant.settings), enable_auto_commit=False)
        await consumer.start()
        try:
            place = TopicPartition(tenant.topic("training"), 0)
            found: list[Example] = []
            consumer.assign([place])
            await consumer.seek_to_beginning(place)
            end = (await consumer.end_offsets([place]))[place]
            while await consumer.position(place) < end:
                fetched = (await consumer.getmany(place, timeout_ms=500)).get(place, ())
                found += [decode_example(record.value) for record in fetched]
            return found
        finally:
            await consumer.stop()

    return asyncio.run(reading())


def replay(tenant: Tenant, source: Path, workers: Sequence[Worker]) -> None:
    """Send a part of the history; go on when what it taught has come back to the workers."""
    done = tenant.command("replay", str(source), "--json")
    assert done.returncode == 0, done.stderr
    for worker in workers:
        tenant.drain(worker)
    count = len(learned_from(tenant))

    def is_learned() -> bool:
        snapshot = asyncio.run(newest_snapshot(model_topic(tenant.settings)))
        return snapshot is not None and snapshot.offset >= count

    until(is_learned)
    time.sleep(3)  # a worker looks for new models every second


def predictors(tenant: Tenant, examples: list[Example]) -> dict[int, list[Predictor]]:
    """What the models are after each example, by version."""
    training, found = Training(model_topic(tenant.settings).tasks), {}
    wanted = {example.model_version for example in examples}
    for offset in range(len(examples) + 1):
        for predictor in training.state.predictors().values():
            if predictor.version in wanted:
                found.setdefault(predictor.version, []).append(predictor)
        if offset < len(examples):
            training.absorb(offset, encode_example(examples[offset]))
    return found


def question(row: dict[str, Any]) -> str:
    identity = f"{row['lifecycle']}/{parse_instant(row['at'])}/{row['customer_id']}"
    return f"{xxh3_64_intdigest(identity.encode()):016x}"


def mean_loss(risks: list[tuple[float | None, int | None]]) -> float:
    told = [log_loss(risk, label) for risk, label in risks if risk is not None and label is not None]
    return sum(told) / len(told)


@pytest.mark.parametrize("workers", [1, 2])
def test_live_predictions_are_those_of_a_backtest(
    kafka: str, redis_url: str, tmp_path: Path, workers: int
) -> None:
    tenant = Tenant(kafka, redis_url, tmp_path, partitions=workers)
    tenant.environment |= {"LIFECYCLE_LABELS__ASK_EVERY": "3d", "LIFECYCLE_LABELS__MAX_PENDING": "10"}
    tenant.environment |= {"LIFECYCLE_MODELS__BROADCAST_EVERY": "200ms"}
    tenant.create_topics()
    tenant.lifecycle(LIFECYCLE.format(churn="orders"))
    happened = history(customers=20)
    whole = written(tmp_path / "events.jsonl", happened)
    out = tmp_path / "out"
    assert tenant.command("backtest", str(whole), "--out", str(out)).returncode == 0
    rows = {
        question(row): row for row in map(orjson.loads, (out / "predictions.jsonl").read_bytes().splitlines())
    }

    try:
        with trainer(tenant):
            running = [tenant.start("--clock", "event") for _ in range(workers)]
            for part in range(PARTS):
                share = happened[part * len(happened) // PARTS : (part + 1) * len(happened) // PARTS]
                replay(tenant, written(tmp_path / f"part-{part}.jsonl", share), running)
    finally:
        tenant.end()
    everything = learned_from(tenant)
    examples = [example for example in everything if not example.is_open]

    # the same questions with the same answers
    answered = {name: row for name, row in rows.items() if row["value_label"] is not None}
    assert len(examples) == len(answered) > 100
    for example in examples:
        row = answered[example.id]
        told = (row["stage"], row["label"], row["next_stage_label"], row["value_label"])
        assert told == (example.stage, example.churned, example.next, pytest.approx(example.spent, abs=1e-6))
    # each prediction is what the models of its version say
    by_version = predictors(tenant, learned_from(tenant))
    assert len(by_version) > 1
    about_churn = [example for example in examples if example.churn_risk is not None]
    assert len(about_churn) < len(examples), "of those who never ordered some are asked where they go next"
    for example in about_churn:
        said = [predictor.churn(example.vector()) for predictor in by_version[example.model_version]]
        assert min(abs(one - example.churn_risk) for one in said) < 1e-5
    # and before anything was learned, what the backtest says
    cold = [
        example
        for example in about_churn
        if not example.model_version and not answered[example.id]["model_version"]
    ]
    assert cold
    for example in cold:
        assert example.churn_risk == pytest.approx(answered[example.id]["churn_risk"], abs=1e-5)
    live = mean_loss([(example.churn_risk, example.churned) for example in examples])
    replayed = mean_loss([(row["churn_risk"], row["label"]) for row in answered.values()])
    assert live == pytest.approx(replayed, rel=0.15)
    assert json.loads((out / "metrics.json").read_bytes())["models"]["churn"]["examples"] >= len(about_churn)

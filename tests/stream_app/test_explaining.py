"""Why a churn risk is what it is: read from Kafka as `lifecycle show` does it."""

import asyncio
from pathlib import Path
from uuid import uuid4

import orjson
import pytest
from aiokafka import AIOKafkaProducer

from scorers.explanation import Explanation
from scorers.learner import Learner
from scorers.recent_ids import RecentIds
from scorers.snapshot import LearnerState, seal
from state import Bounds, decode_event, encode_profile, parse_instant
from state.profile import Profile
from stream_app.batch_sender import partition_of
from stream_app.event_names import load_measures
from stream_app.explaining import Why, why
from stream_app.kafka_clients import client_options
from stream_app.model_topic import RECORD_KEY
from stream_app.model_topic_of import model_topic
from stream_app.scoring import scoring_for
from stream_app.settings import Settings
from stream_app.step import observe
from stream_app.topic_admin import ensure
from stream_app.topics import changelog_name, declare
from stream_app.worker.changelog import stamped

pytestmark = pytest.mark.integration


def bought(settings: Settings, *days: str, last: str = "Order Completed") -> Profile:
    """The profile of somebody who ordered on these days, and did something else on the last of them."""
    scoring, kinds, profile = scoring_for(settings), load_measures(settings), Profile()
    for number, day in enumerate(days):
        name = last if number + 1 == len(days) else "Order Completed"
        order = {"type": "track", "event": name, "messageId": f"m{number}", "userId": "ann"}
        order |= {"timestamp": f"{day}T12:00:00Z", "properties": {"revenue": 20}}
        now = parse_instant("2026-01-01T00:00:00Z")
        event = decode_event(orjson.dumps(order), None, kinds, Bounds(), now)
        observe(scoring, "ann", profile, event)
    return profile


def test_the_explanation_is_that_of_the_stored_profile_and_the_newest_models(
    kafka: str, tmp_path: Path
) -> None:
    settings = Settings(kafka=kafka, prefix=f"t{uuid4().hex[:12]}", data_dir=tmp_path)

    async def scenario() -> tuple[Why | str, Why | str]:
        options = client_options(settings)
        await ensure(settings.kafka, declare(settings), options)
        topic = model_topic(settings)
        learners = {name: Learner(task) for name, task in topic.tasks.items()}
        state = LearnerState(learners=learners, offset=0, seen=RecentIds(), outcomes={})
        profile = bought(settings, "2025-01-01", "2025-02-01", "2025-03-04")
        where = partition_of(b"ann", settings.topics.partitions)
        async with AIOKafkaProducer(**options) as producer:
            value = stamped(1, encode_profile(profile))
            await producer.send_and_wait(changelog_name(settings), value, b"ann", where)
            sealed = seal(state, topic.key, "2025-03-05T00:00:00Z")
            await producer.send_and_wait(topic.models.topic, sealed, RECORD_KEY, 0)
        return await why(settings, "ann"), await why(settings, "bob")

    ann, bob = asyncio.run(scenario())
    assert isinstance(ann, Why)
    assert ann.as_of == "2025-03-04T12:00:00Z"
    told = ann.by_lifecycle["six-stage"]
    assert isinstance(told, Explanation)
    assert told.reasons[0].text.startswith("last order 0 days ago, usually every 31 days: lowers the risk")
    assert 0 < told.churn_risk < 0.5
    assert bob == f"{changelog_name(settings)} holds no profile of 'bob'"


def test_there_is_nothing_to_explain_of_who_has_cancelled(kafka: str, tmp_path: Path) -> None:
    prefix = f"t{uuid4().hex[:12]}"
    settings = Settings(kafka=kafka, prefix=prefix, data_dir=tmp_path, lifecycles=("saas",))

    async def scenario(last: str) -> Why | str:
        options = client_options(settings)
        await ensure(settings.kafka, declare(settings), options)
        profile = bought(settings, "2025-01-01", "2025-02-01", last=last)
        where = partition_of(b"ann", settings.topics.partitions)
        async with AIOKafkaProducer(**options) as producer:
            value = stamped(1, encode_profile(profile))
            await producer.send_and_wait(changelog_name(settings), value, b"ann", where)
        return await why(settings, "ann")

    paying, gone = (
        asyncio.run(scenario(name)) for name in ("Subscription Renewed", "Subscription Cancelled")
    )
    assert isinstance(paying, Why)
    assert isinstance(paying.by_lifecycle["saas"], Explanation)
    assert isinstance(gone, Why)
    assert gone.by_lifecycle == {"saas": None}


def test_without_kafka_one_sentence_says_so(tmp_path: Path) -> None:
    settings = Settings(kafka="127.0.0.1:9", data_dir=tmp_path)
    told = asyncio.run(why(settings, "ann"))
    assert isinstance(told, str)
    assert "is Kafka up?" in told

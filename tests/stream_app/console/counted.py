"""What the topics say, counted without the console: plain Python over every record."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

TOPICS = ("stage-changes", "churn-alerts", "dead-letters", "training")


class Counted(NamedTuple):
    """The sums.

    Attributes:
        stages: Customers by stage.
        moves: Moves by stage before, empty for who is new, and stage after.
        reasons: Moves by reason.
        known: Customers.
        raised: Customers about whom an alert stands.
        letters: Dead letters by reason.
        asked: Risk and whether the customer churned, of each answered question.
    """

    stages: Counter[str]
    moves: Counter[tuple[str, str]]
    reasons: Counter[str]
    known: set[str]
    raised: set[str]
    letters: Counter[str]
    asked: list[tuple[float, int]]

    @property
    def auc(self) -> float:
        """Share of the pairs of one who churned and one who stayed in which the first had the higher risk."""
        churned = [risk for risk, label in self.asked if label]
        kept = [risk for risk, label in self.asked if not label]
        won = sum((one > other) + (one == other) / 2 for one in churned for other in kept)
        return won / (len(churned) * len(kept))


async def count(kafka: str) -> Counted:
    """Read the four topics from end to end; moves are those of six-stage."""
    records = await _everything(kafka)
    last: dict[str, dict[str, Any]] = {}
    moved: dict[tuple[str, int], tuple[str, str, str]] = {}
    for body in _bodies(records["stage-changes"]):
        customer, version = body["customer_id"], body["version"]
        if version >= last.get(customer, body)["version"]:
            last[customer] = body
        if body["reason"] != "rescored":
            moved[customer, version] = body.get("previous_stage") or "", body["stage"], body["reason"]
    alerts: dict[str, dict[str, Any]] = {}
    for body in _bodies(records["churn-alerts"]):
        if body["version"] >= alerts.get(body["customer_id"], body)["version"]:
            alerts[body["customer_id"]] = body
    answered = {body["id"]: body for body in _bodies(records["training"]) if body.get("churned") is not None}
    return Counted(
        Counter(body["stage"] for body in last.values()),
        Counter(move[:2] for move in moved.values()),
        Counter(move[2] for move in moved.values()),
        set(last),
        {customer for customer, body in alerts.items() if body["status"] == "raised"},
        Counter(dict(record.headers)["reason"].decode() for record in records["dead-letters"]),
        [(body["churn_risk"], body["churned"]) for body in answered.values() if "churn_risk" in body],
    )


async def _everything(kafka: str) -> dict[str, list[Any]]:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    there = await admin.describe_topics()
    await admin.close()
    places = [
        TopicPartition(entry["topic"], part["partition"])
        for entry in there
        if entry["topic"].removeprefix("lifecycle.") in TOPICS
        for part in entry["partitions"]
    ]
    found: dict[str, list[Any]] = {name: [] for name in TOPICS}
    async with AIOKafkaConsumer(
        bootstrap_servers=kafka, enable_auto_commit=False, isolation_level="read_committed"
    ) as consumer:
        consumer.assign(places)
        await consumer.seek_to_beginning()
        ends = await consumer.end_offsets(places)
        left = [place for place in places if ends[place]]
        while left:
            for place, records in (await consumer.getmany(*left, timeout_ms=200)).items():
                found[place.topic.removeprefix("lifecycle.")] += records
            left = [place for place in left if await consumer.position(place) < ends[place]]
    return found


def _bodies(records: Sequence[Any]) -> list[dict[str, Any]]:
    return [orjson.loads(record.value) for record in records if record.value]

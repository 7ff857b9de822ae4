"""A stage-change topic in memory, and what Redis must hold after it: the plain model of the Redis tests."""

from collections.abc import Mapping
from typing import Any

import orjson

from stream_app.redis_keys import RedisKeys
from stream_app.redis_records import SinkRecord

Json = dict[str, Any]


def change(customer: str, version: int, stage: str, **more: Any) -> Json:
    """A stage change with sane defaults."""
    defaults: Json = {
        "customer_id": customer,
        "lifecycle": "retail",
        "stage": stage,
        "previous_stage": None if version == 1 else "before",
        "since": "2026-01-01T00:00:00Z",
        "reason": "advanced",
        "churn_risk": version / 128,
        "next_stage": None,
        "next_stage_probability": 0.25,
        "value_segment": "high",
        "recommended_action": "welcome series",
        "event_time": "2026-01-01T00:00:00Z",
        "version": version,
        "model_version": 1,
        "cycle": 1,
    }
    return {**defaults, **more}


class Log:
    """One partition of the topic."""

    def __init__(self) -> None:
        self.records: list[SinkRecord] = []

    def append(self, body: Json, headers: Mapping[str, bytes] = {}) -> SinkRecord:
        """Appends a record for the body's customer."""
        value = orjson.dumps(body)
        record = SinkRecord(len(self.records), body["customer_id"].encode(), value, headers)
        self.records.append(record)
        return record

    def erase(self, customer: str, version: int, **more: str) -> None:
        """Appends an erasure."""
        body = {"customer_id": customer, "lifecycle": "retail", "version": version, "erased": True, **more}
        self.append(body, {"erase": b"1"})

    def mark(self, what: str, nonce: str) -> None:
        """Appends a marker, *what* being begin or end."""
        headers = {f"republish-{what}": nonce.encode()}
        self.records.append(SinkRecord(len(self.records), b"__republish__", b"{}", headers))


class Expected:
    """What Redis must hold: the newest change of each customer, and each change once."""

    def __init__(self, *logs: Log) -> None:
        self.customers: dict[str, Json] = {}
        self.stream: list[tuple[str, int]] = []
        for log in logs:
            for record in log.records:
                self._take(record)

    def _take(self, record: SinkRecord) -> None:
        if record.key == b"__republish__":
            return
        body = orjson.loads(record.value)
        customer, version = body["customer_id"], body["version"]
        standing = self.customers.get(customer, {"version": 0})["version"]
        if "erase" in record.headers:
            if version > standing:
                self.customers.pop(customer, None)
                if "alias" not in body:  # what was published under a merged id stays published
                    self.stream = [each for each in self.stream if each[0] != customer or each[1] > version]
        elif version > standing or ("republish" in record.headers and version == standing):
            self.customers[customer] = body
            if "republish" not in record.headers:
                self.stream.append((customer, version))

    @property
    def counts(self) -> dict[str, int]:
        """Customers per stage."""
        found: dict[str, int] = {}
        for body in self.customers.values():
            found[body["stage"]] = found.get(body["stage"], 0) + 1
        return found

    @property
    def risks(self) -> dict[str, float]:
        """Churn risk of each customer."""
        return {customer: body["churn_risk"] for customer, body in self.customers.items()}

    def hash_of(self, customer: str) -> dict[str, str]:
        """The hash of one customer."""
        body = self.customers.get(customer, {})
        return {name: "" if value is None else str(value) for name, value in body.items()}


async def held(
    client: Any, keys: RedisKeys
) -> tuple[dict[str, int], dict[str, float], list[tuple[str, int]]]:
    """What Redis holds: counts, risks, and the stream as customer and version."""
    counts = {stage.decode(): int(n) for stage, n in (await client.hgetall(keys.counts)).items()}
    members = await client.zrange(keys.risks, 0, -1, withscores=True)
    risks = {member.decode(): score for member, score in members}
    entries = [orjson.loads(fields[b"payload"]) for _, fields in await client.xrange(keys.changes)]
    return counts, risks, [(body["customer_id"], body["version"]) for body in entries]


async def hash_of(client: Any, keys: RedisKeys, customer: str) -> dict[str, str]:
    """The hash of one customer without the sink's own field."""
    found = await client.hgetall(keys.customer(customer))
    return {name.decode(): value.decode() for name, value in found.items() if name != b"_sink"}


def by_customer(stream: list[tuple[str, int]]) -> dict[str, list[int]]:
    """Versions in stream order, by customer."""
    found: dict[str, list[int]] = {}
    for customer, version in stream:
        found.setdefault(customer, []).append(version)
    return found

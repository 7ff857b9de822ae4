"""What a contender is told, and what all of them share."""

import sys
from pathlib import Path
from time import time_ns
from typing import Any, Self

import msgspec
import orjson

from stream_app.topics import SOURCES
from tests.bench.job import Job, histories
from tests.bench.traffic import Population


class Spec(msgspec.Struct):
    """One contender's run.

    Args:
        name: Its consumer group and the prefix of its own topics.
        kafka: Address of Kafka.
        redis: URL of its own Redis database.
        prefix: Prefix of the source topics, dot included.
        partitions: Of the source topics.
        customers: Size of the population.
        shares: Relative sizes of the partitions, if unequal.
        events: How many lie in the source topics.
        until: The instant (µs) before which they lie.
        directory: Its own, for state and results.
    """

    name: str
    kafka: str
    redis: str
    prefix: str
    partitions: int
    customers: int
    events: int
    until: int
    directory: str
    shares: tuple[int, ...] = ()

    @classmethod
    def read(cls) -> Self:
        """The specification that the command line names."""
        return msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=cls)

    def write(self) -> Path:
        """Store it for the contender; returns the path for its command line."""
        folder = Path(self.directory)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "spec.json"
        path.write_bytes(msgspec.json.encode(self))
        return path

    @property
    def sources(self) -> list[str]:
        """Full names of the source topics."""
        return [self.prefix + name for name in SOURCES]

    @property
    def changes(self) -> str:
        """The contender's own topic of stage changes."""
        return f"{self.name}.stage-changes"

    @property
    def result(self) -> Path:
        """Where a contender writes what only it knows."""
        return Path(self.directory) / "result.json"

    @property
    def population(self) -> Population:
        """The customers."""
        return Population(self.customers, self.partitions, self.shares)


class Past:
    """The profiles that customers bring along, found by customer id."""

    def __init__(self, spec: Spec) -> None:
        population = Population(1, spec.partitions)
        population.size = spec.customers
        self._histories, self._population = histories(spec.until), population

    def of(self, customer: str) -> bytes:
        """The stored profile with which a customer begins."""
        return self._histories.of(self._population, int(customer.split("-", 2)[1]))


def now() -> int:
    """The wall clock in µs."""
    return time_ns() // 1000


def job() -> Job:
    """The job under the defaults."""
    return Job.of()


def publish_to_redis(pipeline: Any, payload: bytes) -> None:
    """Queue what a stage change means for Redis: the customer's hash, risk, counts, stream and channel.

    The plain way: nothing here survives a crash exactly.
    """
    body: dict[str, Any] = orjson.loads(payload)
    customer, stage = body["customer_id"], body["stage"]
    pipeline.hset(
        f"lifecycle:customer:{{{customer}}}",
        mapping={name: "" if value is None else value for name, value in body.items()},
    )
    if body["churn_risk"] is not None:
        pipeline.zadd("lifecycle:churn-risk", {customer: body["churn_risk"]})
    if body["reason"] != "rescored":
        pipeline.hincrby("lifecycle:stage-counts", stage, 1)
        if body["previous_stage"]:
            pipeline.hincrby("lifecycle:stage-counts", body["previous_stage"], -1)
    pipeline.xadd("lifecycle:stage-changes", {"change": payload}, maxlen=1_000_000, approximate=True)
    pipeline.publish("lifecycle:stage-changes", payload)

"""Holds what Kafka, the table and Redis have against arithmetic and against the oracle, exactly."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from state import MEASURE_IDS, Profile, decode_profile
from stream_app.worker.changelog import EPOCH_KEY
from tests.bench.faults.oracle import Place, Truth, bare, latest, stages
from tests.bench.faults.reading import reading
from tests.bench.faults.traffic import Worth
from tests.integration.workers import Found, Tenant

_EVENTS, _ORDERS, _REVENUE = (MEASURE_IDS[name] for name in ("events", "orders", "revenue"))
#: Kinds of differences that no comparison finds: a worker that ended by a fault of its own, work that is never done.
CRASH, HANG = "crash", "hang"
_SHOWN = 3
_PAGE = 5000
#: A republish tells the present state again; why and when it was last published is not kept.
_UNKEPT = ("reason", "event_time")
_FACTS = ("stage", "previous_stage", "since", "cycle", "orders", "revenue", "refunds")


@dataclass
class Verdict:
    """What was compared and what differs.

    Args:
        events: Events of the traffic that count.
        customers: Customers compared.
        lost: Events that the table lacks, by arithmetic.
        doubled: Events that the table has too many.
        wrong: Differences of any kind between what is there and what must be there.
        kinds: These differences by what was compared.
        details: Some of them, in words.
    """

    events: int = 0
    customers: int = 0
    lost: int = 0
    doubled: int = 0
    wrong: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    details: list[str] = field(default_factory=list)

    @property
    def is_exact(self) -> bool:
        return not (self.lost or self.doubled or self.wrong)

    def differ(self, what: str, got: Mapping[Any, Any], expected: Mapping[Any, Any]) -> None:
        """Count the keys at which two mappings differ."""
        keys = [key for key in {**got, **expected} if got.get(key) != expected.get(key)]
        self.count(what, len(keys))
        self.details += [
            f"{what} {key}: {_short(got.get(key))} instead of {_short(expected.get(key))}"
            for key in keys[:_SHOWN]
        ]
        if len(keys) > _SHOWN:
            self.details.append(f"{what}: {len(keys)} differences")

    def count(self, what: str, number: int = 1) -> None:
        """Count differences that are told elsewhere."""
        self.wrong += number
        if number:
            self.kinds[what] += number


async def _table(tenant: Tenant) -> dict[str, Profile]:
    """The table as its changelog has it: the last value that was written by who was entitled to."""
    values: dict[bytes, bytes] = {}
    for partition in range(tenant.partitions):
        newest = 0
        async with reading(tenant, [tenant.changelog], partition) as log:
            async for run in log.runs(tenant.changelog):
                for found in run:
                    value = found.value or b""
                    epoch = int.from_bytes(value[:4], "big")
                    if epoch < newest:
                        continue
                    newest = epoch
                    if found.key != EPOCH_KEY and not found.key.startswith(b"\xff"):
                        values[found.key] = value[4:]
    return {key.decode(): decode_profile(value) for key, value in values.items()}


class Comparison:
    """Looks at everything a tenant has, once.

    Args:
        tenant: Where to look.
        expected: Of the oracle.
        verdict: Takes the differences.
    """

    def __init__(self, tenant: Tenant, expected: Truth, verdict: Verdict) -> None:
        self._tenant = tenant
        self._expected = expected
        self._verdict = verdict
        self._profiles = asyncio.run(_table(tenant))
        self._changes = asyncio.run(self._told())

    def count(self, worth: Mapping[str, Worth]) -> None:
        """The table against arithmetic."""
        verdict = self._verdict
        verdict.events, verdict.customers = sum(each.events for each in worth.values()), len(worth)
        for customer in {*self._profiles, *worth}:
            counts = self._profiles.get(customer, Profile()).counts
            expected = worth.get(customer, Worth())
            verdict.lost += max(0, expected.events - counts[_EVENTS])
            verdict.doubled += max(0, counts[_EVENTS] - expected.events)
            if (counts[_EVENTS], counts[_ORDERS], counts[_REVENUE]) != expected:
                verdict.count("totals")

    def everything(self, *, republished: bool = False) -> None:
        """Table, topics and Redis against the oracle.

        Args:
            republished: Whether Redis was told its states again.
        """
        tenant, expected, verdict = self._tenant, self._expected, self._verdict
        known = {customer: profile for customer, profile in self._profiles.items() if profile.evaluated_at}
        verdict.differ("table", {c: bare(p) for c, p in known.items()}, expected.profiles)
        verdict.differ("change", self._changes, expected.changes)
        self._redis(_UNKEPT if republished else ())
        if not republished:
            self._stream()
        told = tenant.records(tenant.topic("churn-alerts"))
        alerts = {
            each.value: True for each in told if "republish" not in each.headers
        }  # what stands, told again
        verdict.differ("alert", alerts, dict.fromkeys(expected.alerts, True))
        examples = {orjson.loads(each.value or b"")["id"]: each.value for each in _training(tenant)}
        verdict.differ("example", examples, expected.examples)
        verdict.differ("dead letter", dead(tenant), expected.dead)

    def facts(self) -> None:
        """What must be so however often a customer was evaluated: where everybody stands, and since when."""
        newest, served = latest(self._changes), self._tenant.served()
        expected = _facts(self._expected.states)
        self._verdict.differ("topic", _facts(newest), expected)
        self._verdict.differ("Redis", _facts(served.customers), expected)
        self._verdict.differ("stage count", served.counts, stages(self._expected.states))
        versions = {customer: str(change["version"]) for customer, change in newest.items()}
        self._verdict.differ("version", {c: f["version"] for c, f in served.customers.items()}, versions)

    async def _told(self) -> dict[tuple[str, int], bytes]:
        """The stage-change topic less its duplicates, which must say the same."""
        changes: dict[tuple[str, int], bytes] = {}
        topic = self._tenant.topic("stage-changes")
        for partition in range(self._tenant.partitions):
            async with reading(self._tenant, [topic], partition) as log:
                async for run in log.runs(topic):
                    for found in run:
                        if found.key != b"__republish__" and "republish" not in dict(found.headers):
                            self._hear(changes, found.value)
        return changes

    def _hear(self, changes: dict[tuple[str, int], bytes], payload: bytes) -> None:
        change = orjson.loads(payload)
        identity = change["customer_id"], change["version"]
        if changes.setdefault(identity, payload) != payload:
            self._verdict.count("contradiction")
            self._verdict.details.append(f"{identity} said two different things")

    def _redis(self, unkept: tuple[str, ...]) -> None:
        verdict, served, newest = self._verdict, self._tenant.served(), latest(self._expected.changes)

        def kept(customers: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, str]]:
            return {
                customer: {name: _text(value) for name, value in fields.items() if name not in unkept}
                for customer, fields in customers.items()
            }

        verdict.differ("Redis", kept(served.customers), kept(newest))
        verdict.differ("stage count", served.counts, stages(self._expected.states))
        risks = {c: change["churn_risk"] for c, change in newest.items() if change["churn_risk"] is not None}
        verdict.differ("risk", served.risks, risks)

    def _stream(self) -> None:
        """The Redis stream holds each change once, in order for each customer."""
        seen: Counter[tuple[str, int]] = Counter()
        last: dict[str, int] = {}
        for customer, version in self._tenant.redis(self._entries):
            seen[customer, version] += 1
            if version < last.get(customer, 0):
                self._verdict.count("stream order")
                self._verdict.details.append(f"stream: {customer} out of order")
            last[customer] = version
        self._verdict.differ("stream", seen, dict.fromkeys(self._expected.changes, 1))

    async def _entries(self, client: Any) -> list[tuple[str, int]]:
        """Customer and version of every entry of the stream."""
        found: list[tuple[str, int]] = []
        after = "-"
        while entries := await client.xrange(f"{self._tenant.prefix}:stage-changes", min=after, count=_PAGE):
            told = [orjson.loads(fields[b"payload"]) for _, fields in entries]
            found += [(change["customer_id"], change["version"]) for change in told]
            after = f"({entries[-1][0].decode()}"
        return found


def _facts(customers: Mapping[str, Mapping[str, Any]]) -> dict[str, tuple[str, ...]]:
    return {c: tuple(_text(fields[name]) for name in _FACTS) for c, fields in customers.items()}


def dead(tenant: Tenant) -> dict[Place, str]:
    """Where the records of the dead letters had stood, and why they were refused."""
    return {
        (
            each.headers["topic"].decode(),
            int(each.headers["partition"]),
            int(each.headers["offset"]),
        ): each.headers["reason"].decode()
        for each in tenant.dead_letters()
    }


def _training(tenant: Tenant) -> list[Found]:
    kafka, redis_url = tenant.environment["LIFECYCLE_KAFKA"], tenant.environment["LIFECYCLE_REDIS"]
    single = Tenant(kafka, redis_url, tenant.directory, partitions=1)
    return single.records(tenant.topic("training"))


def _text(value: object) -> str:
    if value is None:
        return ""
    return repr(value) if isinstance(value, float) else str(value)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) < 200 else f"{text[:200]}…"


def ask(tenant: Tenant, *words: str) -> None:
    """Have Redis do something."""
    tenant.redis(lambda client: client.execute_command(*words))

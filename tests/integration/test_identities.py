"""Ids of one person become one customer through real Kafka, workers and Redis, also when workers are killed."""

import json
import random
import time
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import pytest

from state import DAY, format_instant, parse_instant
from stream_app.redis_keys import alias_key
from tests.integration.workers import Sent, Tenant, Worker, until

pytestmark = pytest.mark.integration

START = parse_instant("2026-03-01T00:00:00Z")
PLAIN = """
name = "plain"

[[stage]]
name = "new"

[[stage]]
name = "buyer"
enter = "orders >= 1"

[[stage]]
name = "fan"
enter = "orders >= 3 and page_views >= 1"
"""


def sent(call: str, at: float, user: str = "", anonymous: str = "", **more: Any) -> Sent:
    """A call of an analytics SDK, *at* days after the start."""
    body = {
        "messageId": uuid4().hex,
        "type": call,
        "timestamp": format_instant(START + round(at * DAY)),
        **more,
    }
    body |= {"userId": user} if user else {}
    body |= {"anonymousId": anonymous} if anonymous else {}
    topic = "purchases" if more.get("event") == "Order Completed" else "clickstream"
    return Sent(topic, (user or anonymous).encode(), json.dumps(body).encode())


def order(at: float, revenue: float, **who: str) -> Sent:
    return sent("track", at, event="Order Completed", properties={"revenue": revenue}, **who)


def merges(tenant: Tenant) -> list[dict[str, Any]]:
    """The audit, each decision once."""
    told = {each.value for each in tenant.records(tenant.topic("merges"))}
    return [json.loads(value or b"") for value in sorted(told, key=str)]


def decided(tenant: Tenant, action: str) -> set[tuple[str, str, str]]:
    return {
        (m["customer_id"], m["anonymous_id"], m["reason"]) for m in merges(tenant) if m["action"] == action
    }


def alias(tenant: Tenant, anonymous: str) -> str | None:
    found = tenant.redis(lambda client: client.get(alias_key(tenant.prefix, anonymous)))
    return found.decode() if found else None


def ids_at(tenant: Tenant, partition: int, stem: str, count: int) -> list[str]:
    """Ids that live in a partition."""
    found: list[str] = []
    number = 0
    while len(found) < count:
        number += 1
        if tenant.home(f"{stem}-{number}") == partition:
            found.append(f"{stem}-{number}")
    return found


def settle(tenant: Tenant, worker: Worker, at: float) -> None:
    tenant.tick(format_instant(START + round(at * DAY)))
    tenant.drain(worker)


def test_browsing_becomes_the_customers_who_logs_in(tenant: Tenant) -> None:
    """In either order of arrival, in one partition or two; later events follow, Redis answers under either id."""
    tenant.lifecycle(PLAIN)
    [known], [near], [far, late, old] = (
        ids_at(tenant, 0, "user", 1),
        ids_at(tenant, 0, "near", 1),
        ids_at(tenant, 1, "far", 3),
    )
    [other] = ids_at(tenant, 1, "other", 1)
    with tenant.worker("--clock", "event") as worker:
        tenant.send(
            [
                sent("page", 0.1, anonymous=near),
                order(0.2, 10, anonymous=far),
                order(0.2, 99, user=other),
                sent("page", 0.25, anonymous=old),
                sent("identify", 0.3, user=known, anonymous=near),
                sent("identify", 0.4, user=known, anonymous=far),
                sent("identify", 0.5, user=known, anonymous=late),
                sent("alias", 0.6, user=known, previousId=old),
                sent("identify", 0.7, user=known, anonymous=other),
                sent("identify", 0.8, user=known, anonymous="undefined"),
                sent("alias", 0.9, user="null", anonymous=near, previousId=known),
            ]
        )
        settle(tenant, worker, 1)
        tenant.send(
            [order(1.1, 5, anonymous=late), order(1.2, 2, anonymous=far), sent("page", 1.3, anonymous=near)]
        )
        settle(tenant, worker, 2)

        served = tenant.served()
        assert set(served.customers) == {known, other}
        fields = served.customers[known]
        assert (fields["stage"], fields["orders"], fields["revenue"]) == ("fan", "3", "17.0")
        assert served.counts == {"fan": 1, "buyer": 1}
        assert {each: alias(tenant, each) for each in (near, far, late, old, other, "undefined")} == {
            near: known, far: known, late: known, old: known, other: None, "undefined": None,
        }  # fmt: skip
        assert decided(tenant, "merged") == {(known, each, "identified") for each in (near, far, late, old)}
        assert decided(tenant, "refused") == {(known, other, "is a known customer")}

        # Which handover came last is not told by the order of the events: they come from two partitions.
        told = [json.loads(each.value or b"") for each in tenant.records(tenant.topic("merges"))]
        newest = [m["anonymous_id"] for m in told if m["action"] == "merged" and m["customer_id"] == known][
            -1
        ]
        kept = {near, far, late, old} - {newest}
        [shown, undone, again, apart, unknown] = tenant.commands(
            [
                (["show", far, "--json"], {}),
                (["unmerge", newest, "--json"], {}),
                (["unmerge", newest], {}),
                (["show", newest, "--json"], {}),
                (["unmerge", known], {}),
            ]
        )
        assert json.loads(shown.output)["customer_id"] == known
        assert undone.code == 0, undone.errors
        assert json.loads(undone.output)["anonymous_id"] == newest
        assert (again.code, unknown.code) == (1, 1)
        assert "it belongs to no customer" in again.errors
        tenant.drain(worker)
        assert alias(tenant, newest) is None
        assert set(tenant.served().customers) == {known, other, newest}
        assert apart.code in {0, 1}  # Redis may not have had it yet

        [erased] = tenant.commands([(["erase", min(kept), "--json"], {})])
        assert json.loads(erased.output)["customer"] == known
        tenant.drain(worker)
        assert set(tenant.served().customers) == {other, newest}
        assert {alias(tenant, each) for each in kept} == {None}


def storm(chance: random.Random, people: int) -> tuple[list[Sent], dict[str, dict[str, int]]]:
    """Everybody browses and buys under several ids; what each has done, counted while it is made up."""
    records: list[tuple[float, Sent]] = []
    expected: dict[str, dict[str, int]] = {}
    for number in range(people):
        user = f"user-{number}"
        facts = expected[user] = {"orders": 0, "revenue": 0, "events": 0}
        ids = [f"anon-{number}-{each}" for each in range(chance.randint(0, 3))]
        for anonymous in ids:
            at = chance.uniform(0, 9)
            records.append((at, sent("identify", at, user=user, anonymous=anonymous)))
            facts["events"] += 1
        for _ in range(chance.randint(1, 12)):
            at, who = chance.uniform(0, 9), chance.choice([user, *ids, *ids])
            key = {"anonymous": who} if who in ids else {"user": who}
            facts["events"] += 1
            if chance.random() < 0.4:
                units = chance.randint(1, 50)
                records.append((at, order(at, units, **key)))
                facts["orders"] += 1
                facts["revenue"] += units
            else:
                records.append((at, sent("page", at, **key)))
    return [record for _, record in sorted(records, key=lambda each: each[0])], expected


def assert_everybody_is_whole(
    tenant: Tenant, expected: dict[str, dict[str, int]], records: Sequence[Sent]
) -> None:
    served = tenant.served()
    bodies = [json.loads(record.value or b"") for record in records]
    users = {body["userId"] for body in bodies if "userId" in body}
    assert set(served.customers) == users
    assert {
        user: (int(fields["orders"]), float(fields["revenue"])) for user, fields in served.customers.items()
    } == {user: (expected[user]["orders"], float(expected[user]["revenue"])) for user in users}
    stages = [fields["stage"] for fields in served.customers.values()]
    assert served.counts == {stage: stages.count(stage) for stage in set(stages)}
    pages = dict.fromkeys(users, 0)
    for body in bodies:
        owner = body.get("userId") or "user-" + body["anonymousId"].split("-")[1]
        pages[owner] += body["type"] == "page"
    assert {user: fields["stage"] for user, fields in served.customers.items()} == {
        user: "fan"
        if expected[user]["orders"] >= 3 and pages[user]
        else "buyer"
        if expected[user]["orders"]
        else "new"
        for user in users
    }
    linked = {
        (body["userId"], body["anonymousId"], "identified") for body in bodies if body["type"] == "identify"
    }
    assert decided(tenant, "merged") == linked
    assert decided(tenant, "refused") == set()
    assert {anonymous: alias(tenant, anonymous) for _, anonymous, _ in linked} == {
        a: user for user, a, _ in linked
    }


def test_a_storm_of_merges_with_kills_leaves_everybody_whole(tenant: Tenant) -> None:
    seed = random.SystemRandom().randrange(1 << 30)
    print(f"seed {seed}")  # noqa: T201 - to run it again
    chance = random.Random(seed)
    tenant.lifecycle(PLAIN)
    records, expected = storm(chance, 250)
    users = {json.loads(record.value or b"").get("userId") for record in records} - {None}
    records += [
        sent("identify", 9.5, user=user) for user in expected if user not in users
    ]  # everybody logs in once
    workers = [tenant.start("--clock", "event") for _ in range(2)]
    until(lambda: any(worker.has_said("Worker ready") for worker in workers))
    parts = [records[start::4] for start in range(4)]  # not in order of time
    for part in parts:
        tenant.send(part)
        time.sleep(chance.uniform(0.2, 2.0))
        victim = chance.randrange(2)
        workers[victim].process.kill()
        workers[victim] = tenant.start("--clock", "event")
    tenant.tick(format_instant(START + 10 * DAY))
    tenant.drain(workers[0])

    assert_everybody_is_whole(tenant, expected, records)

"""`lifecycle erase`, `republish` and `show` against a real worker: forgotten is forgotten, lost is rebuilt."""

import json
from typing import Any

import pytest

from state import decode_profile
from stream_app.forgetting import is_closed
from stream_app.topics import declare
from stream_app.worker.changelog import EPOCH_KEY
from tests.integration.traffic import moment, order, sent
from tests.integration.workers import Found, Served, Tenant, Worker, until

pytestmark = pytest.mark.integration

CUSTOMERS = [f"customer-{n}" for n in range(40)]


def answers(tenant: Tenant, *asked: str) -> list[dict[str, Any]]:
    """What commands answer; one that fails answers with what it complained about."""
    done = tenant.commands([([*words.split(), "--json"], {}) for words in asked])
    return [json.loads(each.output) if each.code == 0 else {"failed": each.errors} for each in done]


def history(tenant: Tenant) -> None:
    """Everybody orders, some often enough for more than one stage."""
    records = []
    for number, customer in enumerate(CUSTOMERS):
        ages = [200 - 30 * each for each in range(number % 5 + 1)]
        records += [order(customer, moment(age), 20 + number) for age in ages]
        records.append(sent(customer, "Product Viewed", moment(1)))
    tenant.send(records)


def newest(tenant: Tenant, customer: str) -> bytes:
    """The newest stored profile of a customer, as the changelog has it."""
    found: list[Found] = [each for each in tenant.records(tenant.changelog) if each.key == customer.encode()]
    return (found[-1].value or b"")[4:]


def version(served: Served, customer: str) -> int:
    return int(served.customers[customer]["version"])


def facts(served: Served) -> Served:
    """What a republish must restore; why a state was last published is not kept."""
    kept = {
        customer: {name: value for name, value in fields.items() if name not in ("reason", "event_time")}
        for customer, fields in served.customers.items()
    }
    return served._replace(customers=kept)


def test_an_erased_customer_is_gone_everywhere_and_comes_back_as_somebody_new(tenant: Tenant) -> None:
    history(tenant)
    victim, other = CUSTOMERS[4], CUSTOMERS[9]
    with tenant.worker() as worker:
        tenant.drain(worker)
        before, snapshot = tenant.served(), dumped(tenant)

        shown, proof, gone, again, never = answers(
            tenant,
            f"show {victim}",
            f"erase {victim}",
            f"show {victim}",
            f"erase {victim}",
            "erase never-seen",
        )  # twice, and somebody who never was

        [known] = shown["lifecycles"]
        assert (known["fields"]["orders"], known["journey"][-1]["version"]) == ("5", version(before, victim))
        assert (proof["customer"], proof["partition"], proof["known"]) == (victim, tenant.home(victim), True)
        assert version(before, victim) < proof["changelog_version"] <= again["changelog_version"]
        assert f"knows no customer {victim!r}" in gone["failed"]
        assert again["known"]
        assert (never["known"], never["changelog_version"]) == (False, None)
        assert is_closed(decode_profile(newest(tenant, victim)))
        assert tenant.redis(lambda client: client.exists(f"{tenant.prefix}:customer:{{{victim}}}")) == 0
        assert streamed(tenant) == set(CUSTOMERS) - {victim}
        after = tenant.served()
        assert after.customers == {c: f for c, f in before.customers.items() if c != victim}
        assert after.risks == {c: r for c, r in before.risks.items() if c != victim}
        assert sum(after.counts.values()) == len(CUSTOMERS) - 1

    flush(tenant)
    restore(tenant, snapshot)
    assert victim in tenant.served().customers
    with (
        tenant.worker() as worker
    ):  # an erasure outlives the worker that did it, and what Redis had before it
        [result] = answers(tenant, "republish")
        assert result["states"] == len(CUSTOMERS) - 1
        served = tenant.served()
        assert victim not in {*served.customers, *served.risks}
        assert sum(served.counts.values()) == len(CUSTOMERS) - 1
        until(lambda: victim not in streamed(tenant), worker)
        tenant.send([order(victim, moment(), 3)])
        tenant.drain(worker)
    nowhere_but_where_it_is_said(tenant, victim, set(proof["kafka_may_hold"]))
    back = tenant.served()
    assert version(back, victim) > again["changelog_version"]
    assert (back.customers[victim]["orders"], back.customers[victim]["cycle"]) == ("1", "1")
    assert facts(back).customers[other] == facts(before).customers[other]
    assert sum(back.counts.values()) == len(CUSTOMERS)


def nowhere_but_where_it_is_said(tenant: Tenant, victim: str, said: set[str]) -> None:
    """Records that the customer may still be found in are told of; all others do not name it."""
    silent = {topic.name: topic.partitions for topic in declare(tenant.settings) if topic.name not in said}
    assert set(silent) == {tenant.topic("training"), tenant.topic("models")}
    kafka, redis_url = tenant.environment["LIFECYCLE_KAFKA"], tenant.environment["LIFECYCLE_REDIS"]
    for name, partitions in silent.items():
        records = Tenant(kafka, redis_url, tenant.directory, partitions).records(name)
        assert records or name == tenant.topic("models")
        assert not [each for each in records if victim.encode() in (each.key or b"") + (each.value or b"")]


def streamed(tenant: Tenant) -> set[str]:
    """Who is in the stream of stage changes."""
    stream = tenant.redis(lambda client: client.xrange(f"{tenant.prefix}:stage-changes"))
    return {json.loads(fields[b"payload"])["customer_id"] for _, fields in stream}


def dumped(tenant: Tenant) -> dict[bytes, bytes]:
    """What a snapshot of Redis holds of this tenant."""

    async def dumping(client: Any) -> dict[bytes, bytes]:
        return {key: await client.dump(key) async for key in client.scan_iter(match=f"*{tenant.prefix}:*")}

    found: dict[bytes, bytes] = tenant.redis(dumping)
    return found


def restore(tenant: Tenant, snapshot: dict[bytes, bytes]) -> None:
    """What coming back from a snapshot does, to this tenant only."""

    async def restoring(client: Any) -> None:
        for key, value in snapshot.items():
            await client.restore(key, 0, value)

    tenant.redis(restoring)


def flush(tenant: Tenant) -> None:
    """What FLUSHALL does, to this tenant only: others share the server."""

    async def flushing(client: Any) -> None:
        async for key in client.scan_iter(match=f"*{tenant.prefix}:*", count=1000):
            await client.delete(key)

    tenant.redis(flushing)
    assert tenant.served() == Served({}, {}, {})


def test_what_redis_lost_is_rebuilt_on_command_and_by_itself(tenant: Tenant) -> None:
    history(tenant)
    with tenant.worker() as worker:
        tenant.drain(worker)
        before = tenant.served()
        assert sum(before.counts.values()) == len(CUSTOMERS)

        flush(tenant)
        [result] = answers(tenant, "republish")

        assert (result["states"], result["checked"], result["partitions"]) == (40, 40, 2)
        assert list(result["customers"].values()) == [40]
        assert facts(tenant.served()) == facts(before)

        flush(tenant)
        rebuilt_after_the_next_change(tenant, worker, before)


def rebuilt_after_the_next_change(tenant: Tenant, worker: Worker, before: Served) -> None:
    """The next change on each partition shows that Redis has lost what it had; nobody has to ask."""
    newcomers = [f"newcomer-{n}" for n in range(8)]
    assert {tenant.home(newcomer) for newcomer in newcomers} == {0, 1}
    tenant.send([order(newcomer, moment(), 3) for newcomer in newcomers])
    until(lambda: set(tenant.served().customers) == {*CUSTOMERS, *newcomers}, worker)
    tenant.drain(worker)
    after = tenant.served()
    assert facts(after).customers == facts(before).customers | {
        newcomer: fields for newcomer, fields in facts(after).customers.items() if newcomer in newcomers
    }
    stages = [fields["stage"] for fields in after.customers.values()]
    assert after.counts == {stage: stages.count(stage) for stage in set(stages)}
    assert set(after.risks) == {*CUSTOMERS, *newcomers}


def test_without_a_worker_both_say_so_in_one_line(tenant: Tenant) -> None:
    asked = [["republish", "--timeout", "1"], ["erase", "ann", "--timeout", "1"]]
    for done in tenant.commands([(words, {}) for words in asked]):
        assert (done.code, done.output) == (1, "")
        *progress, line = done.errors.splitlines()
        assert all(each.startswith("republishing") for each in progress)
        assert "no worker answers for partition" in line
        assert "start `lifecycle worker`" in line
    assert [each.key for each in tenant.records(tenant.changelog) if each.key != EPOCH_KEY] == []

"""What Kafka and Faust do at the edges of a fetch, each seen on a real broker: holes, single records, and a long sleep."""

import asyncio
import signal
import time
from collections.abc import Sequence

import pytest
from aiokafka import AIOKafkaProducer

from stream_app.kafka_clients import client_options
from tests.integration.test_exactness import assert_exact
from tests.integration.traffic import moment, order, sent
from tests.integration.workers import PATIENCE_S, Sent, Tenant, until

pytestmark = pytest.mark.integration

CUSTOMERS = [f"customer-{number}" for number in range(12)]


def orders(tenant: Tenant) -> dict[str, int]:
    """How many orders Redis knows of each customer."""
    return {customer: int(fields["orders"]) for customer, fields in tenant.served().customers.items()}


def in_a_transaction(tenant: Tenant, records: Sequence[Sent]) -> None:
    """Send records whose partitions end with a marker afterwards: an offset that no consumer ever sees."""

    async def sending() -> None:
        options = client_options(tenant.settings)
        async with (
            AIOKafkaProducer(**options, transactional_id=f"{tenant.prefix}-shop") as producer,
            producer.transaction(),
        ):
            for record in records:
                partition = tenant.home((record.key or b"").decode())
                await producer.send(tenant.topic(record.topic), record.value, record.key, partition)

    asyncio.run(sending())


def test_offsets_that_never_were_are_told_from_runs_that_were_lost(tenant: Tenant) -> None:
    with tenant.worker("--clock", "event") as worker:
        for number in range(1, 4):
            in_a_transaction(tenant, [order(customer, moment(9 - number), 20.0) for customer in CUSTOMERS])
            until(lambda: orders(tenant) == dict.fromkeys(CUSTOMERS, number), worker)  # noqa: B023 - asked at once

    assert_exact(tenant)


def test_records_that_are_handed_over_one_at_a_time_end_like_runs(tenant: Tenant) -> None:
    tenant.environment["LIFECYCLE_WORKER__DELIVERY"] = "single"
    with tenant.worker("--clock", "event") as worker:
        tenant.send([sent(customer, "Product Viewed", moment(9)) for customer in CUSTOMERS])
        tenant.send([order(customer, moment(8 - n), 20.0) for n in range(5) for customer in CUSTOMERS])
        tenant.drain(worker)

    assert orders(tenant) == dict.fromkeys(CUSTOMERS, 5)
    assert_exact(tenant)


def test_a_worker_that_slept_beyond_its_session_ends_instead_of_going_on(tenant: Tenant) -> None:
    sleeper = tenant.start("--clock", "event")
    tenant.send([order(customer, moment(9), 20.0) for customer in CUSTOMERS])
    tenant.drain(sleeper)
    sleeper.process.send_signal(signal.SIGSTOP)
    time.sleep(1.2 * tenant.settings.worker.session_timeout / 1e6)
    with tenant.worker("--clock", "event") as other:
        tenant.send([order(customer, moment(8), 20.0) for customer in CUSTOMERS])
        tenant.drain(other)

        sleeper.process.send_signal(signal.SIGCONT)

        assert sleeper.process.wait(PATIENCE_S) == 1
        assert "longer than its session" in sleeper.complaints()[-1]
        tenant.send([order(customer, moment(7), 20.0) for customer in CUSTOMERS])
        tenant.drain(other)

    assert orders(tenant) == dict.fromkeys(CUSTOMERS, 3)
    assert_exact(tenant)

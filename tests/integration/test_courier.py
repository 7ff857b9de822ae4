"""One destination at work on a real Kafka, in this process: what it begins with, what it says of itself, what it forgets."""

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from stream_app.delivery.again import redeliver_period
from stream_app.delivery.attempts import AttemptLog, log_path
from stream_app.delivery.courier import Courier
from stream_app.delivery.destination import Destination
from stream_app.delivery.metrics import DeliveryMetrics
from stream_app.delivery.readiness import Readiness
from stream_app.delivery.run import deliver_until
from stream_app.delivery.sender import Sender
from stream_app.embedded.ports import choose_port
from stream_app.kafka_clients import client_options
from tests.integration.test_deliver import change
from tests.integration.workers import Sent, Tenant
from tests.stream_app.delivery.target import target

pytestmark = pytest.mark.integration

PARTITIONS = 16
NAME = "crm"
ERASES = [("erase", b"1")]
PATIENCE_S = 120.0


@pytest.fixture
def tenant(kafka: str, redis_url: str, tmp_path: Path) -> Tenant:
    made = Tenant(kafka, redis_url, tmp_path, PARTITIONS)
    made.create_topics()
    return made


class Post:
    """A courier, its log and its figures."""

    def __init__(self, tenant: Tenant, url: str, **more: Any) -> None:
        self.tenant = tenant
        secret = "whsec_bmV3LW5ldy1uZXctbmV3LW5ldy1uZXct"  # noqa: S105 - of this test
        options = {"start": "beginning", "on": ["stage-change"], "secrets": [secret], **more}
        self.destination = Destination(name=NAME, url=f"{url}/hook", **options)
        self.attempts = AttemptLog(tenant.directory / "crm.db")
        self.metrics = DeliveryMetrics()

    def lag(self) -> float | None:
        return self.metrics.registry.get_sample_value("lifecycle_delivery_lag", {"destination": NAME})

    def work(self, until: Callable[[], bool]) -> None:
        """Deliver until something has come true."""

        async def working() -> None:
            stop, now = asyncio.Event(), lambda: time.time_ns() // 1000
            async with Sender(self.destination, self.attempts, self.metrics, now) as sender:
                client, prefix = client_options(self.tenant.settings), self.tenant.settings.topic_prefix
                courier = Courier(sender, self.attempts, self.metrics, Readiness([NAME]), client, prefix)
                running = asyncio.create_task(courier.run(stop))
                end = time.monotonic() + PATIENCE_S
                while not until() and not running.done():
                    assert time.monotonic() < end, "it has not come true"
                    await asyncio.sleep(0.02)
                stop.set()
                await running

        asyncio.run(working())


def begin_at(tenant: Tenant, offset: int) -> None:
    """Let the group of the destination stand there, as after a restart."""

    async def committing() -> None:
        group = f"{tenant.settings.topic_prefix}deliver.{NAME}"
        options = client_options(tenant.settings)
        async with AIOKafkaConsumer(**options, group_id=group, enable_auto_commit=False) as consumer:
            topics = [tenant.topic(name) for name in ("stage-changes", "churn-alerts")]
            places = [TopicPartition(topic, number) for topic in topics for number in range(PARTITIONS)]
            consumer.assign(places)
            await consumer.commit(dict.fromkeys(places, offset))

    asyncio.run(committing())


def test_what_waits_at_a_restart_is_delivered_to_the_last_message(tenant: Tenant) -> None:
    customers = {f"c{number}:1" for number in range(400)}
    begin_at(tenant, 0)
    tenant.send([change(name.removesuffix(":1"), 1) for name in sorted(customers)])
    with target() as server:
        post = Post(tenant, server.url, on=["churn-alert", "stage-change"])
        post.work(lambda: set(server.ids) == customers)


def test_the_lag_of_a_dead_destination_grows_with_the_topic(tenant: Tenant) -> None:
    post = Post(tenant, f"http://127.0.0.1:{choose_port()}", window=5)
    tenant.send([change(f"c{number}", 1) for number in range(300)])
    more = [change(f"c{number}", 2) for number in range(300)]
    sending = threading.Timer(5, tenant.send, [more])  # its window is full by then
    sending.start()
    post.work(lambda: post.lag() == 600)
    sending.join()


def test_an_erased_customer_is_told_of_no_more_and_leaves_nothing_in_the_log(tenant: Tenant) -> None:
    erasure = orjson.dumps({"customer_id": "c1", "lifecycle": "six-stage", "version": 3, "erased": True})
    with target() as server:
        server.answer = lambda asked: (503 if asked.headers["webhook-id"].startswith("c1:") else 200, {}, {})
        post = Post(tenant, server.url, longest_pause="50ms")
        tenant.send([change("c1", 1), change("c1", 2), change("c2", 1)])
        post.work(lambda: server.ids.count("c1:1") > 2 and "c2:1" in server.ids)
        tenant.send([Sent("stage-changes", b"c1", erasure, headers=ERASES)])
        post.work(lambda: post.lag() == 0)

    assert [attempt.customer for attempt in post.attempts.latest(most=100)] == ["c2"]


def test_a_log_that_cannot_be_written_ends_the_work_instead_of_holding_a_customer_for_ever(
    tenant: Tenant,
) -> None:
    with target() as server:
        post = Post(tenant, server.url)
        with sqlite3.connect(tenant.directory / "crm.db") as other:
            other.execute(
                "CREATE TRIGGER full BEFORE INSERT ON attempt BEGIN SELECT RAISE(ABORT, 'full'); END"
            )
        tenant.send([change("c1", 1)])
        with pytest.raises(sqlite3.Error, match="full"):
            post.work(lambda: False)


def again(post: Post, first: int, last: int) -> dict[str, int]:
    """Send what was published in [first, last) (µs) again."""
    period = redeliver_period(
        post.tenant.settings, post.destination, first, last, only_failed=False, patience=5
    )
    return asyncio.run(period)


def test_who_gets_only_the_latest_is_not_taken_back_by_a_period_that_is_sent_again(tenant: Tenant) -> None:
    first = time.time_ns() // 1000
    tenant.send([change("c1", 1), change("c1", 2), change("c2", 1), change("c2", 2), change("c3", 1)])
    time.sleep(0.01)
    last = time.time_ns() // 1000
    time.sleep(0.01)
    tenant.send([change("c1", 3)])
    with target() as server:
        assert again(Post(tenant, server.url, latest_only=True), first, last)["delivered"] == 2

    assert sorted(server.ids) == ["c2:2", "c3:1"]


def test_who_comes_back_after_an_erasure_is_in_a_period_that_is_sent_again(tenant: Tenant) -> None:
    first = time.time_ns() // 1000
    gone = {"customer_id": "c1", "lifecycle": "six-stage", "version": 2}
    tenant.send(
        [
            change("c1", 1),
            Sent("stage-changes", b"c1", orjson.dumps({**gone, "erased": True}), headers=ERASES),
            Sent("churn-alerts", b"c1", orjson.dumps({**gone, "status": "erased"})),
            change("c1", 3),
        ]
    )
    with target() as server:
        again(Post(tenant, server.url, on=["stage-change", "churn-alert"]), first, first + 10**9)

    assert server.ids == ["c1:3"]


def test_the_log_forgets_as_long_as_the_process_runs(tenant: Tenant) -> None:
    tenant.environment["LIFECYCLE_DELIVER__KEEP_ATTEMPTS"] = "1s"
    settings = tenant.settings
    tenant.send([change("c1", 1)])
    with target() as server:
        destination = Post(tenant, server.url).destination
        log = AttemptLog(log_path(settings.data_dir, settings.prefix, NAME))

        async def working() -> None:
            stop, now = asyncio.Event(), lambda: time.time_ns() // 1000
            told = settings, [destination], DeliveryMetrics(), Readiness([NAME]), now
            running = asyncio.create_task(deliver_until(stop, *told))
            end = time.monotonic() + PATIENCE_S
            while not server.ids or list(log.latest(most=1)):
                assert time.monotonic() < end, "what is old is still there"
                await asyncio.sleep(0.05)
            stop.set()
            await running

        asyncio.run(working())

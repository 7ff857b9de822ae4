"""A worker with its table on disk: the same results, and a start that does not read the changelog again."""

import json
import random
import time
from typing import Any

import pytest

from stream_app.worker.rocks_store import RocksStore, table_options
from tests.integration.test_exactness import STRANGER, assert_exact, replay
from tests.integration.traffic import moment, order
from tests.integration.workers import Tenant, Worker, until

pytestmark = pytest.mark.integration


@pytest.fixture(autouse=True)
def on_disk(tenant: Tenant) -> None:
    tenant.environment["LIFECYCLE_WORKER__TABLE_STORE"] = "rocksdb"
    tenant.lifecycle(STRANGER)


def taken_over(worker: Worker) -> list[dict[str, Any]]:
    """What the worker says about each taking over of partitions."""
    lines = [json.loads(line) for line in worker.said if line.startswith("{")]
    return [line for line in lines if line["event"] == "partitions taken over"]


def complaints(worker: Worker) -> list[dict[str, Any]]:
    """Warnings about the table; a busy machine may cause others."""
    lines = [json.loads(line) for line in worker.said if line.startswith("{")]
    told = ("stream_app.worker.rocks_store", "stream_app.worker.changelog")
    return [line for line in lines if line["logger"] in told and line["level"] == "warning"]


def test_a_worker_killed_in_mid_stream_ends_like_the_fold_in_memory(tenant: Tenant) -> None:
    seed = random.SystemRandom().randrange(1 << 30)
    print(f"seed {seed}")  # noqa: T201 - to run it again
    chance = random.Random(seed)
    worker = tenant.start("--clock", "event")
    until(lambda: worker.has_said("Worker ready"), worker)
    replay(tenant, "--format", "online-retail", "--limit", "6000")
    for _ in range(2):
        time.sleep(chance.uniform(0.1, 1.5))
        worker.process.kill()
        worker.process.wait()
        worker = tenant.start("--clock", "event")
        until(lambda: taken_over(worker), worker)  # noqa: B023 - called at once
    tenant.drain(worker)
    worker.check()
    assert worker.stop() == 0
    assert not complaints(worker)

    assert_exact(tenant)

    with tenant.worker("--clock", "event") as worker:
        until(lambda: taken_over(worker), worker)
        [start] = taken_over(worker)
    assert start["customers"] > 1000
    assert start["records"] == 0, "a clean stop leaves nothing to read"


def test_a_table_that_is_behind_lost_or_damaged_is_completed_from_the_changelog(tenant: Tenant) -> None:
    shoppers = [f"shopper-{n}" for n in range(20)]
    table = tenant.directory / "data" / "tables" / tenant.changelog
    with tenant.worker("--clock", "wall") as worker:
        tenant.send([order(shopper, moment(1), 10.0) for shopper in shoppers])
        tenant.drain(worker)
    assert {path.name for path in table.iterdir()} == {"0", "1"}
    kept = table.with_name("kept")
    table.rename(kept)

    with tenant.worker("--clock", "wall") as worker:  # lost
        tenant.send([order(shopper, moment(), 5.0) for shopper in shoppers])
        tenant.drain(worker)
        assert taken_over(worker)[-1]["records"] > 0
    table.rename(table.with_name("newer"))
    kept.rename(table)
    with tenant.worker("--clock", "wall") as worker:  # behind
        tenant.send([order(shopper, moment(), 5.0) for shopper in shoppers])
        tenant.drain(worker)
        assert taken_over(worker)[-1]["records"] > 0
        assert not complaints(worker)
    for manifest in table.glob("*/MANIFEST-*"):
        manifest.write_bytes(b"nothing that anybody could read")
    with tenant.worker("--clock", "wall") as worker:  # damaged
        tenant.send([order(shopper, moment(), 5.0) for shopper in shoppers])
        tenant.drain(worker)
        assert len(complaints(worker)) == 2

    served = tenant.served().customers
    assert {
        customer: (fields["orders"], fields["revenue"]) for customer, fields in served.items()
    } == dict.fromkeys(shoppers, ("4", "25.0"))


def test_a_table_that_another_process_has_open_ends_the_start_with_one_line(tenant: Tenant) -> None:
    with tenant.worker() as worker:
        until(lambda: taken_over(worker), worker)
    table = tenant.directory / "data" / "tables" / tenant.changelog
    stores = [RocksStore(table / str(partition), table_options()) for partition in range(tenant.partitions)]
    refused = tenant.start()
    until(lambda: refused.process.poll() is not None)
    for store in stores:
        store.close()

    assert refused.process.poll() == 1
    assert len(refused.complaints()) == 1
    assert "is open in another process; give every worker" in refused.complaints()[0]


def test_two_workers_of_one_directory_hand_their_tables_over(tenant: Tenant) -> None:
    shoppers = [f"shopper-{n}" for n in range(20)]
    with tenant.worker("--clock", "wall") as first:
        tenant.send([order(shopper, moment(1), 10.0) for shopper in shoppers])
        tenant.drain(first)
        with tenant.worker("--clock", "wall") as second:
            until(lambda: taken_over(second) and len(taken_over(first)) > 1, first)
            tenant.send([order(shopper, moment(), 5.0) for shopper in shoppers])
            tenant.drain(second)
            assert taken_over(second)[-1]["records"] == 0
        until(lambda: taken_over(first)[-1]["partitions"] == [0, 1], first)
        tenant.send([order(shopper, moment(), 5.0) for shopper in shoppers])
        tenant.drain(first)
        assert [each["records"] for each in taken_over(first)] == [0] * len(taken_over(first))

    served = tenant.served().customers
    assert {fields["revenue"] for fields in served.values()} == {"20.0"}

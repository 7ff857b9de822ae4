"""With the event clock, the order of events is what ticks say, however slowly they come and whoever waits for them."""

import time

import orjson
import pytest

from state import DAY, HOUR, format_instant
from tests.integration.test_exactness import STRANGER
from tests.integration.traffic import order, sent
from tests.integration.workers import Tenant, until

pytestmark = pytest.mark.integration

BEGIN = 1_700_000_000_000_000
#: Longer than records wait for a producer that tells no time.
SLOWLY_S = 2.5


def at(days: float) -> str:
    return format_instant(BEGIN + round(days * DAY))


def stages(tenant: Tenant, customer: str) -> list[str]:
    """What was told of a customer, in order."""
    told = [orjson.loads(found.value or b"") for found in tenant.records(tenant.topic("stage-changes"))]
    return [change["stage"] for change in told if change["customer_id"] == customer]


def test_a_worker_that_goes_on_with_a_replay_waits_for_its_ticks(tenant: Tenant) -> None:
    tenant.lifecycle(STRANGER)
    with tenant.worker("--clock", "event") as worker:
        tenant.send([order(f"early-{n}", at(0), 5) for n in range(4)])
        tenant.tick(format_instant(BEGIN + HOUR))
        tenant.drain(worker)
    with tenant.worker("--clock", "event") as worker:
        tenant.send([order("ann", at(10), 5)])
        until(lambda: worker.has_said("Worker ready"), worker)
        time.sleep(SLOWLY_S)
        tenant.send([sent("ann", "Product Viewed", at(5))])  # earlier, on another topic, and later in coming
        tenant.tick(at(11))
        tenant.drain(worker)

    assert stages(tenant, "ann") == ["prospect", "customer"]

"""A worker whose work stands still ends itself, and whoever comes next finishes the work."""

from pathlib import Path

import pytest

from stream_app.embedded import EmbeddedServices
from tests.integration.test_exactness import assert_exact
from tests.integration.traffic import moment, order
from tests.integration.workers import PATIENCE_S, Tenant, until

pytestmark = [pytest.mark.integration, pytest.mark.faults]


def test_the_watchdog_ends_a_worker_that_waits_for_a_broker_that_hangs(
    doomed: EmbeddedServices, tmp_path: Path
) -> None:
    tenant = Tenant(doomed.kafka, doomed.redis_url, tmp_path)
    tenant.create_topics()
    tenant.environment |= {"LIFECYCLE_WORKER__STALLED_AFTER": "2s", "LIFECYCLE_WORKER__BATCH_RECORDS": "20"}
    try:
        worker = tenant.start("--clock", "event")
        until(lambda: worker.has_said("Worker ready"), worker)
        tenant.send([order(f"customer-{n % 200}", moment(9), 20.0) for n in range(20_000)])
        until(tenant.committed, worker)  # it is amid its work
        doomed.broker.pause()
        try:
            assert worker.process.wait(PATIENCE_S) == 1
        finally:
            doomed.broker.resume()
        assert "none was finished (worker.stalled_after)" in worker.complaints()[-1]

        del tenant.environment["LIFECYCLE_WORKER__STALLED_AFTER"]
        tenant.drain(tenant.start("--clock", "event"))

        assert_exact(tenant)
    finally:
        tenant.end()

"""The figures of two workers while customers merge and are erased, a worker leaves, and Redis goes away."""

import json
from contextlib import suppress
from uuid import uuid4

import pytest

from tests.deploy.pages import told
from tests.deploy.test_figures import CUSTOMERS, LIFECYCLE, Crew
from tests.integration.traffic import order
from tests.integration.workers import Sent, Tenant, until

pytestmark = pytest.mark.integration


def call(kind: str, at: str, **who: str) -> Sent:
    """A call of an SDK that knows an anonymous id."""
    body = {"messageId": uuid4().hex, "type": kind, "timestamp": at, **who}
    key = who.get("userId") or who["anonymousId"]
    return Sent("clickstream", key.encode(), json.dumps(body).encode())


def test_customers_are_exact_whatever_becomes_of_them_and_of_a_worker(tenant: Tenant) -> None:
    tenant.lifecycle(LIFECYCLE)
    crew, topic = Crew(tenant), tenant.topic
    first, second = crew.start("first"), crew.start("second")
    tenant.send([order(customer, "2026-01-01T10:00:00Z", 10.0) for customer in CUSTOMERS])
    tenant.send([call("page", "2026-01-02T10:00:00Z", anonymousId="browser")])
    tenant.tick("2026-01-10T00:00:00Z")
    crew.agree(first)
    assert crew.customers() == {"buyer": len(CUSTOMERS), "visitor": 1}

    # Customers who move, merge, come apart again, and are forgotten.
    tenant.send([order(c, f"2026-01-1{day}T10:00:00Z", 9.0) for day in (1, 2) for c in CUSTOMERS[:8]])
    tenant.send([call("identify", "2026-01-13T10:00:00Z", userId="c9", anonymousId="browser")])
    tenant.tick("2026-01-14T00:00:00Z")
    crew.agree(first)
    assert crew.customers() == {"regular": 8, "buyer": 12}
    alerts = [crew.page(name).by("churn_alerts_total", "outcome") for name in crew.ports]
    unmerged, erased = tenant.commands(
        [(["unmerge", "browser", "--json"], {}), (["erase", "c0", "--json"], {})]
    )
    assert (unmerged.code, erased.code) == (0, 0), (unmerged.errors, erased.errors)
    crew.agree(first)
    assert crew.customers() == {"regular": 7, "buyer": 12, "visitor": 1}
    assert [crew.page(name).by("churn_alerts_total", "outcome") for name in crew.ports] == alerts
    # What ids say to each other is counted under a topic of its own, and is no event of anybody.
    sources = [topic("purchases"), topic("clickstream")]
    applied = [
        crew.page(name).sum("events_total", topic=source, outcome="applied")
        for name in crew.ports
        for source in sources
    ]
    assert sum(applied) == len(CUSTOMERS) + 1 + 2 * 8 + 1

    # One leaves: the other tells of everything again.
    assert second.stop() == 0
    del crew.ports["second"]
    until(lambda: crew.page("first").partitions("watermark_seconds") == {"0", "1"}, first)
    crew.agree(first)
    assert crew.customers() == {"regular": 7, "buyer": 12, "visitor": 1}

    # Redis is away, and nobody has anything to write: told all the same. What waits then is counted.
    with suppress(Exception):
        tenant.redis(lambda client: client.shutdown(nosave=True))
    until(lambda: crew.page("first").sum("redis_up") == 0, first)
    before = len(tenant.records(topic("stage-changes")))
    tenant.send([order(f"new{number}", "2026-01-15T10:00:00Z", 5.0) for number in range(10)])
    tenant.tick("2026-01-16T00:00:00Z")
    waiting = lambda: len(tenant.records(topic("stage-changes"))) - before  # noqa: E731 - asked twice
    until(
        lambda: waiting() >= 10 and crew.page("first").sum("redis_pending") == waiting(),
        first,
        lambda: f"{crew.page('first').sum('redis_pending')} of {waiting()}",
    )
    assert told(crew.ports["first"], "readyz") == (200, {"ok": True, "reasons": []})

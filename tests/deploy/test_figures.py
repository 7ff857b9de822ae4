"""The figures of two workers while partitions move, customers are merged and erased, and the lifecycle changes."""

from collections import Counter

import pytest

from stream_app.embedded.ports import choose_port
from tests.deploy.pages import Page, answers, told
from tests.integration.traffic import order, sent
from tests.integration.workers import Sent, Tenant, Worker, until

pytestmark = pytest.mark.integration

LIFECYCLE = """
name = "shop"

[[stage]]
name = "visitor"

[[stage]]
name = "buyer"
enter = "orders >= 1"

[[stage]]
name = "regular"
enter = "orders >= 3"
"""
CUSTOMERS = [f"c{number}" for number in range(20)]


class Crew:
    """Two workers with a port and a directory each."""

    def __init__(self, tenant: Tenant) -> None:
        self.tenant = tenant
        self.ports: dict[str, int] = {}

    def start(self, name: str) -> Worker:
        self.ports[name] = choose_port()
        variables = {
            "LIFECYCLE_METRICS__PORT": str(self.ports[name]),
            "LIFECYCLE_DATA_DIR": str(self.tenant.directory / name),
        }
        worker = self.tenant.start("--clock", "event", **variables)
        until(lambda: answers(self.ports[name]), worker)
        until(lambda: told(self.ports[name], "readyz")[0] == 200, worker)
        return worker

    def page(self, name: str) -> Page:
        return Page(self.ports[name])

    def customers(self) -> dict[str, int]:
        """Customers by stage, summed over all workers."""
        total: Counter[str] = Counter()
        for name in self.ports:
            total.update({stage: int(n) for (stage,), n in self.page(name).by("customers", "stage").items()})
        return dict(total)

    def are_shared(self, name: str) -> bool:
        """Whether each worker tells of one partition, and no two of the same."""
        told = [self.page(worker).partitions(name) for worker in self.ports]
        return sorted(map(len, told)) == [1, 1] and set.union(*told) == {"0", "1"}

    def agree(self, worker: Worker) -> None:
        """Once everything is folded, workers and Redis count the same customers."""
        self.tenant.drain(worker)
        expected = self.tenant.served().counts
        until(lambda: self.customers() == expected, worker, lambda: f"{self.customers()}, not {expected}")


def test_what_two_workers_tell_is_exact_while_partitions_move(tenant: Tenant) -> None:
    tenant.lifecycle(LIFECYCLE)
    crew = Crew(tenant)
    first = crew.start("first")

    # One worker: each record is counted once, by what became of it.
    orders = [order(customer, "2026-01-01T10:00:00Z", 10.0) for customer in CUSTOMERS]
    views = [sent("browser", "Product Viewed", "2026-01-02T10:00:00Z")]
    opened = [sent("c1", "Email Opened", "2026-01-03T10:00:00Z")]
    tenant.send(
        [*orders, orders[3], *views, *opened, Sent("email", b"c1", b"no event"), Sent("ads", b"c2", b"{}")]
    )
    tenant.tick("2026-01-10T00:00:00Z")
    late = [order("c5", "2026-01-04T10:00:00Z", 10.0)]
    tenant.drain(first)
    tenant.send(late)
    crew.agree(first)
    page, topic = crew.page("first"), tenant.topic
    assert page.by("events_total", "topic", "outcome") == {
        (topic("purchases"), "applied"): len(orders), (topic("purchases"), "duplicate"): 1,
        (topic("purchases"), "late"): 1, (topic("clickstream"), "applied"): 1, (topic("email"), "applied"): 1,
        (topic("email"), "dead_letter"): 1, (topic("ads"), "dead_letter"): 1,
    }  # fmt: skip
    reasons = Counter(found.headers["reason"].decode() for found in tenant.dead_letters())
    assert page.by("dead_letters_total", "reason") == {(reason,): n for reason, n in reasons.items()}
    assert crew.customers() == {"buyer": len(CUSTOMERS), "visitor": 1}
    assert page.by("transitions_total", "from_stage", "to_stage")["", "buyer"] == len(CUSTOMERS)
    changes = len(tenant.records(topic("stage-changes")))
    assert page.sum("stage_change_latency_seconds_count") == changes
    assert (page.sum("redis_up"), page.sum("redis_pending")) == (1, 0)
    assert page.sum("recovery_seconds") > 0
    assert page.sum("consumer_lag") == 0
    assert page.partitions("consumer_lag") == page.partitions("watermark_seconds") == {"0", "1"}

    # Another one comes: what has moved is told by its new owner, and by nobody else.
    crew.start("second")
    for name in ("consumer_lag", "consumer_lag_seconds", "watermark_seconds"):
        until(lambda name=name: crew.are_shared(name), first)
    crew.agree(first)
    assert crew.customers() == {"buyer": len(CUSTOMERS), "visitor": 1}


def test_a_changed_lifecycle_is_counted_as_it_is(tenant: Tenant) -> None:
    tenant.lifecycle(LIFECYCLE)
    crew = Crew(tenant)
    worker = crew.start("first")
    tenant.send([order(c, f"2026-01-0{day}T10:00:00Z", 9.0) for day in (1, 2) for c in CUSTOMERS])
    tenant.tick("2026-01-10T00:00:00Z")
    crew.agree(worker)
    assert crew.customers() == {"buyer": len(CUSTOMERS)}
    assert worker.stop() == 0

    tenant.lifecycle(LIFECYCLE.replace("orders >= 3", "orders >= 2"))
    worker = crew.start("first")
    until(lambda: crew.customers() == {"regular": len(CUSTOMERS)}, worker, lambda: str(crew.customers()))
    crew.agree(worker)

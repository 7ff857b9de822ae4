"""`lifecycle deliver` against real HTTP servers: one dead, one killed amid the work, a period sent again."""

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import orjson
import pytest

from stream_app.embedded.ports import choose_port
from tests.integration.workers import Sent, Tenant, until
from tests.stream_app.delivery.target import Target, target

pytestmark = pytest.mark.integration

CUSTOMERS = 60


def change(customer: str, version: int) -> Sent:
    body = {
        "customer_id": customer, "lifecycle": "six-stage", "stage": f"stage-{version}", "reason": "advanced",
        "previous_stage": "awareness", "event_time": "2026-03-01T12:00:00Z", "version": version,
    }  # fmt: skip
    return Sent("stage-changes", customer.encode(), orjson.dumps(body))


def ids(versions: range) -> set[str]:
    return {f"c{number}:{version}" for number in range(CUSTOMERS) for version in versions}


def changes(versions: range) -> list[Sent]:
    return [change(f"c{number}", version) for version in versions for number in range(CUSTOMERS)]


def declare(tenant: Tenant, name: str, url: str, *more: str) -> str:
    file = tenant.directory / f"{name}.toml"
    rest = ['start = "beginning"', 'longest_pause = "200ms"', "window = 50", *more]
    file.write_text("\n".join([f'url = "{url}/hook"', 'secrets = ["${HOOK_SECRET}"]', *rest]), "utf-8")
    return str(file)


@contextmanager
def deliver(tenant: Tenant, *destinations: str) -> Iterator["subprocess.Popen[bytes]"]:
    words = [word for one in destinations for word in ("--destination", one)]
    with (tenant.directory / "deliver.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "stream_app", "deliver", *words],
            env=tenant._environment({}), stdout=log, stderr=log,
        )  # fmt: skip
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def in_order(server: Target) -> bool:
    """Whether each customer was told in the order of versions, repetitions aside."""
    newest: Counter[str] = Counter()
    for name in dict.fromkeys(server.ids):
        customer, version = name.split(":")
        if int(version) <= newest[customer]:
            return False
        newest[customer] = int(version)
    return True


def test_a_dead_destination_holds_nobody_up_and_a_kill_loses_nothing(tenant: Tenant) -> None:
    tenant.environment["HOOK_SECRET"] = "whsec_bmV3LW5ldy1uZXctbmV3LW5ldy1uZXct"  # noqa: S105 - of this test
    port = choose_port()
    with target() as server:
        alive, dead = (
            declare(tenant, "alive", server.url),
            declare(tenant, "dead", f"http://127.0.0.1:{port}"),
        )
        began = time.time_ns() // 1_000_000_000
        tenant.send(changes(range(1, 4)))
        with deliver(tenant, alive, dead) as process:
            server.until(CUSTOMERS)
            process.kill()
            process.wait()
            tenant.send(changes(range(4, 6)))
        with deliver(tenant, alive, dead) as process:
            until(lambda: set(server.ids) >= ids(range(1, 6)))
            assert set(server.ids) == ids(range(1, 6))
            assert in_order(server)
            process.terminate()
            assert process.wait(60) == 0
        again = len(server.asked) - len(set(server.ids))
        assert again <= 50 + 8  # at most the window that was under way when it was killed

        # The dead one comes to life: it was told nothing, and is told everything.
        with target() as risen, deliver(tenant, declare(tenant, "dead", risen.url)):
            until(lambda: set(risen.ids) >= ids(range(1, 6)))
            assert in_order(risen)

        told = Counter(server.ids)
        period = ["--destination", alive, "--from", f"{began * 1000}"]
        ended = tenant.command("redeliver", *period, "--json")
        assert ended.returncode == 0, ended.stderr
        assert orjson.loads(ended.stdout)["delivered"] == 5 * CUSTOMERS
        assert Counter(server.ids) - told == Counter(ids(range(1, 6)))
        ended = tenant.command("redeliver", *period, "--failed", "--json")
        assert orjson.loads(ended.stdout) == {
            "delivered": 0, "refused": 0, "given_up": 0, "skipped": 5 * CUSTOMERS
        }  # fmt: skip

    listed = tenant.command("deliveries", "dead", "--failed", "--json", "--limit", "1")
    assert orjson.loads(listed.stdout) == []
    assert "whsec" not in (tenant.directory / "deliver.log").read_text("utf-8")


def test_tenants_on_one_machine_are_told_of_apart_and_of_all_partitions(
    tenant: Tenant, kafka: str, redis_url: str
) -> None:
    """Their customers may have the same ids and versions; who sends again may not know how many partitions there are."""
    tenant.environment["HOOK_SECRET"] = "whsec_bmV3LW5ldy1uZXctbmV3LW5ldy1uZXct"  # noqa: S105 - of this test
    other = Tenant(kafka, redis_url, tenant.directory)
    other.environment["HOOK_SECRET"] = tenant.environment["HOOK_SECRET"]
    other.create_topics()
    with target() as server:
        words = ["--destination", declare(tenant, "crm", server.url), "--from", "2000-01-01T00:00:00Z"]
        for one in (tenant, other):
            one.send(changes(range(1, 2)))
            ended = one.command("redeliver", *words, "--failed", "--json", LIFECYCLE_TOPICS__PARTITIONS="1")
            assert orjson.loads(ended.stdout) == {
                "delivered": CUSTOMERS, "refused": 0, "given_up": 0, "skipped": 0
            }  # fmt: skip
    assert Counter(server.ids) == Counter([*ids(range(1, 2))] * 2)


def test_a_kafka_that_is_away_is_told_in_one_line(tenant: Tenant) -> None:
    words = ["--destination", declare(tenant, "crm", "http://127.0.0.1:1"), "--from", "2000-01-01T00:00:00Z"]
    tenant.environment["HOOK_SECRET"] = "whsec_bmV3LW5ldy1uZXctbmV3LW5ldy1uZXct"  # noqa: S105 - of this test
    ended = tenant.command("redeliver", *words, LIFECYCLE_KAFKA=f"127.0.0.1:{choose_port()}")

    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (1, "", 1), ended.stderr


def test_what_is_wrong_with_a_destination_is_said_in_one_line(tenant: Tenant) -> None:
    for words, said in (([], "no destination"), (["--destination", "hubspot"], "HUBSPOT_TOKEN is not set")):
        ended = tenant.command("deliver", *words)
        assert (ended.returncode, ended.stderr.count("\n")) == (2, 1)
        assert said in ended.stderr

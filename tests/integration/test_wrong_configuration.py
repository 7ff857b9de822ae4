"""What cannot work is refused in one line with exit code 2 or 1, before anything is consumed."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import pytest

from stream_app.embedded.ports import choose_port
from tests.integration.traffic import moment, order
from tests.integration.workers import Tenant, until

pytestmark = pytest.mark.integration

LIFECYCLE = """
name = "shop"

[[stage]]
name = "prospect"

[[stage]]
name = "customer"
enter = "{enter}"
{more}
"""


class Wrong(NamedTuple):
    """What a worker is started with, and what its one line must say."""

    code: int
    words: tuple[str, ...]
    flags: tuple[str, ...] = ()
    variables: Mapping[str, str] = MappingProxyType({})


def wrong_files(directory: Path) -> list[Wrong]:
    found = []
    for number, (enter, more, *words) in enumerate(
        [
            ("ordres >= 1", "", ":9:", "'ordres'", "did you mean 'orders'"),
            ("orders_9w >= 1", "", ":9:", "'orders_9w'"),
            ("orders >= 1 and", "", ":9:", "ends too early"),
            ("__import__('os')", "", ":9:"),
            ("orders >= 1", 'min_dwell = "3 fortnights"', ":10:", "'3 fortnights'", "90d"),
            ("orders >= 1", 'leaves = "orders < 1"', ":10:", "'leaves'"),
            ("orders >= 1", 'was = ["prospect"]', ":10:", "'prospect'"),
            ("orders >= 1", "[[stage", "is not TOML"),
        ]
    ):
        path = directory / f"wrong-{number}.toml"
        path.write_text(LIFECYCLE.format(enter=enter, more=more), "utf-8")
        found.append(Wrong(2, (str(path), *words), ("--lifecycle", str(path))))
    return found


def wrong_settings(tenant: Tenant, closed: str) -> list[Wrong]:
    missing = str(tenant.directory / "missing.toml")
    unknown = tenant.directory / "settings.toml"
    unknown.write_text('kafak = "a:1"\n', "utf-8")

    def variable(code: int, name: str, value: str, *words: str) -> Wrong:
        return Wrong(code, words, (), {name: value})

    return [
        Wrong(2, ("sixstage", "did you mean 'six-stage'"), ("--lifecycle", "sixstage")),
        Wrong(2, (missing, "No such file"), ("--lifecycle", missing)),
        Wrong(2, ("settings.toml:1", "kafak", "did you mean kafka"), ("--config", str(unknown))),
        Wrong(2, ("--clock", "sideways"), ("--clock", "sideways")),
        variable(2, "LIFECYCLE_EVENTS__ALLOWED_LATENESS", "one hour", "ALLOWED_LATENESS", "'one hour'"),
        variable(2, "LIFECYCLE_EVENTS__ALOWED_LATENESS", "1h", "ALOWED_LATENESS", "allowed_lateness"),
        variable(2, "LIFECYCLE_EVENTS__MEASURES", missing, missing, "cannot be read"),
        variable(2, "LIFECYCLE_EVENTS__MEASURES", str(unknown), "settings.toml", "kafak"),
        variable(2, "LIFECYCLE_REDIS", "mongodb://u:hunter2@somewhere", "LIFECYCLE_REDIS", "mongodb"),
        variable(2, "LIFECYCLE_REDIS", "redis://somewhere:port", "LIFECYCLE_REDIS", "redis://somewhere"),
        variable(2, "LIFECYCLE_KAFKA", "somewhere", "LIFECYCLE_KAFKA", "host:port"),
        variable(2, "LIFECYCLE_TOPICS__PARTITIONS", "0", "LIFECYCLE_TOPICS__PARTITIONS", "greater"),
        variable(
            2, "LIFECYCLE_TOPICS__PARTITIONS", "3", f"{tenant.prefix}.", "has 2 partitions, expected 3",
            "topics.partitions",
        ),
        variable(1, "LIFECYCLE_KAFKA", closed, f"Kafka at {closed} does not answer", "LIFECYCLE_KAFKA"),
    ]  # fmt: skip


def test_what_cannot_work_is_refused_in_one_line_and_nothing_is_consumed(tenant: Tenant) -> None:
    tenant.send([order("ann", moment(), 5)])
    closed = f"127.0.0.1:{choose_port()}"
    wrongs = [*wrong_files(tenant.directory), *wrong_settings(tenant, closed)]

    done = tenant.commands([(["worker", *wrong.flags], wrong.variables) for wrong in wrongs])

    for wrong, outcome in zip(wrongs, done, strict=True):
        lines = outcome.errors.splitlines()
        assert (outcome.code, outcome.output, len(lines)) == (wrong.code, "", 1), (wrong, lines)
        assert lines[0].startswith("lifecycle: ")
        assert [word for word in wrong.words if word not in lines[0]] == [], lines
        assert "hunter2" not in lines[0]
    assert tenant.committed() == {}
    assert tenant.records(tenant.changelog) == []


def test_the_process_itself_says_one_line_and_ends(tenant: Tenant) -> None:
    refused = tenant.command("worker", LIFECYCLE_TOPICS__PARTITIONS="3")
    away = tenant.command("worker", LIFECYCLE_KAFKA=f"127.0.0.1:{choose_port()}")

    assert (refused.returncode, refused.stdout, len(refused.stderr.splitlines())) == (2, "", 1)
    assert (away.returncode, away.stdout, len(away.stderr.splitlines())) == (1, "", 1)
    assert tenant.committed() == {}


def test_scoring_goes_on_without_redis_and_redis_gets_everything_later(tenant: Tenant) -> None:
    """An outage of Redis is no wrong configuration: a worker that restarts during it must work."""
    real, closed = tenant.environment["LIFECYCLE_REDIS"], f"redis://127.0.0.1:{choose_port()}/0"
    tenant.send([order("ann", moment(), 5)])
    tenant.environment["LIFECYCLE_REDIS"] = closed
    with tenant.worker() as worker:
        until(lambda: worker.has_said("Redis is not written, trying again"), worker)
        until(lambda: tenant.records(tenant.topic("stage-changes")), worker)
    tenant.environment["LIFECYCLE_REDIS"] = real
    assert tenant.served().customers == {}
    with tenant.worker() as worker:
        tenant.drain(worker)
    assert tenant.served().customers["ann"]["stage"] == "purchase"

"""Readers against real Redis servers: what a page gets, and when Redis changes, stops, refuses or returns."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from redis import Redis
from redis.cluster import RedisCluster

from stream_app.errors import Misconfigured
from stream_app.reader import AsyncStageReader, StageProfile, StageReader
from tests.stream_app.redis_servers import cluster, server

PATIENCE_S = 20.0


class Reads:
    """Either reader, called the same way."""

    def __init__(self, kind: str, url: str, **options: Any) -> None:
        self._runner = asyncio.Runner() if kind == "async" else None
        self._reader: Any
        if self._runner is None:
            self._reader = StageReader(url, default_stage="awareness", **options)
        else:
            self._reader = AsyncStageReader(url, default_stage="awareness", **options)

    def get(self, customer: str | None) -> StageProfile:
        if self._runner is None:
            return self._reader.get(customer)  # type: ignore[no-any-return]
        return self._runner.run(self._turn(customer))

    async def _turn(self, customer: str | None) -> StageProfile:
        await asyncio.sleep(0.01)  # an event loop of a website turns all the time
        return await self._reader.get(customer)  # type: ignore[no-any-return]

    def until(self, customer: str, wanted: Callable[[StageProfile], bool]) -> StageProfile:
        end = time.monotonic() + PATIENCE_S
        while not wanted(profile := self.get(customer)):
            assert time.monotonic() < end, profile
            time.sleep(0.01)
        return profile

    def until_kept(self, customer: str) -> StageProfile:
        return self.until(customer, lambda profile: profile.origin == "cache")

    def close(self) -> None:
        if self._runner is None:
            self._reader.close()
        else:
            self._runner.run(self._reader.aclose())
            self._runner.close()


@contextmanager
def reads(kind: str, url: str, **options: Any) -> Iterator[Reads]:
    made = Reads(kind, url, **options)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Redis of this module: a reader needs no Kafka."""
    with server(tmp_path_factory.mktemp("redis")) as port:
        yield f"redis://127.0.0.1:{port}"


@pytest.fixture(params=["blocking", "async"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def prefix() -> str:
    return f"r{uuid4().hex[:10]}"


@pytest.fixture
def client(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url) as made:
        yield made


def write(client: Any, prefix: str, customer: str, stage: str, version: int = 1, **more: str) -> None:
    fields = {
        "customer_id": customer, "lifecycle": "six-stage", "stage": stage, "previous_stage": "",
        "since": "2026-01-02T03:04:05Z", "reason": "advanced", "churn_risk": "0.25", "version": str(version),
        "orders": "3", "revenue": "12.5", "_sink": "7 loyal", **more,
    }  # fmt: skip
    client.hset(f"{prefix}:customer:{{{customer}}}", mapping=fields)


def test_a_page_gets_a_typed_profile(kind: str, redis_url: str, prefix: str, client: Redis) -> None:
    write(client, prefix, "c-17", "loyalty")
    with reads(kind, redis_url, prefix=prefix, timeout=2) as reader:
        profile = reader.get("c-17")

    assert (profile.customer_id, profile.stage, profile.churn_risk) == ("c-17", "loyalty", 0.25)
    assert (profile.previous_stage, profile.orders, profile.revenue) == (None, 3, 12.5)
    assert profile.since is not None
    assert profile.since.isoformat() == "2026-01-02T03:04:05+00:00"
    assert profile.is_known


def test_somebody_unknown_or_without_an_id_gets_the_default_stage(
    kind: str, redis_url: str, prefix: str
) -> None:
    with reads(kind, redis_url, prefix=prefix, timeout=2) as reader:
        seen = [reader.get("nobody"), reader.get(""), reader.get(None)]

    assert [(profile.stage, profile.origin, profile.is_known) for profile in seen] == [
        ("awareness", "unknown", False)
    ] * 3


@pytest.mark.parametrize(
    "asked",
    ["\ud800", b"c-\xff".decode("utf-8", "surrogateescape")],
    ids=["half a pair", "bytes of a cookie"],
)
def test_an_id_that_is_no_text_is_nobodys_and_no_failure_of_redis(
    kind: str, redis_url: str, prefix: str, client: Redis, asked: str
) -> None:
    write(client, prefix, "c-17", "loyalty")
    with reads(kind, redis_url, prefix=prefix, timeout=2) as reader:
        nobody, known = reader.get(asked), reader.get("c-17")

    assert (nobody.customer_id, nobody.stage, nobody.origin) == ("", "awareness", "unknown")
    assert (known.stage, known.origin) == ("loyalty", "redis")


def test_an_anonymous_id_is_followed_in_one_round_trip(
    kind: str, redis_url: str, prefix: str, client: Redis
) -> None:
    write(client, prefix, "c-17", "loyalty")
    client.set(f"{prefix}:alias:{{anon-1}}", "c-17")
    with reads(kind, redis_url, prefix=prefix, timeout=2, cache_size=0) as reader:
        reader.get("anon-1")
        before = client.info("commandstats")["cmdstat_eval"]["calls"]
        profile = reader.get("anon-1")
        after = client.info("commandstats")["cmdstat_eval"]["calls"]

    assert (profile.customer_id, profile.stage) == ("c-17", "loyalty")
    assert after - before == 1


def test_what_is_kept_changes_when_redis_changes(
    kind: str, redis_url: str, prefix: str, client: Redis
) -> None:
    write(client, prefix, "c-17", "loyalty")
    client.set(f"{prefix}:alias:{{anon-1}}", "c-17")
    with reads(kind, redis_url, prefix=prefix, timeout=2, max_age=3600) as reader:
        for asked in ("c-17", "anon-1"):
            assert reader.until_kept(asked).stage == "loyalty"
        for version in range(
            2, 12
        ):  # each change is seen, under either id, and never an older one afterwards
            write(client, prefix, "c-17", f"stage-{version}", version)
            for asked in ("c-17", "anon-1"):
                reader.until(asked, lambda p, v=version: p.version == v)  # type: ignore[misc]
        reader.until_kept("c-17")
        client.delete(f"{prefix}:customer:{{c-17}}")  # erased

        assert reader.until("c-17", lambda p: not p.is_known).origin == "unknown"


def test_a_login_moves_the_visitor_at_once(kind: str, redis_url: str, prefix: str, client: Redis) -> None:
    write(client, prefix, "anon-1", "awareness")
    write(client, prefix, "c-17", "loyalty")
    with reads(kind, redis_url, prefix=prefix, timeout=2, max_age=3600) as reader:
        assert reader.until_kept("anon-1").stage == "awareness"
        client.set(f"{prefix}:alias:{{anon-1}}", "c-17")

        assert reader.until("anon-1", lambda p: p.customer_id == "c-17").stage == "loyalty"


def test_while_redis_is_away_no_page_waits_and_it_is_found_again(kind: str, tmp_path: Path) -> None:
    with server(tmp_path / "one") as port:
        client = Redis(port=port)
        write(client, "lifecycle", "c-17", "loyalty")
        client.close()
        with reads(kind, f"redis://127.0.0.1:{port}", timeout=0.5) as reader:
            assert reader.until_kept("c-17").stage == "loyalty"
            before, pid = _asked(port), _pid(port)
            os.kill(pid, signal.SIGSTOP)  # accepts connections and says nothing: the slowest way to be away
            try:
                profile = reader.until("c-17", lambda p: p.origin == "last_known")
                assert profile.stage == "loyalty"
                seen = [reader.get(customer).origin for customer in ["c-17", "stranger"] * 100]
            finally:
                os.kill(pid, signal.SIGCONT)
            assert seen == ["last_known", "default"] * 100
            # What was asked meanwhile is answered now: a timeout for each page would be two hundred.
            assert _asked(port) - before < 20
            assert reader.until("c-17", lambda p: p.origin == "redis").stage == "loyalty"


def test_redis_may_be_gone_from_the_start_and_come_later(kind: str, tmp_path: Path) -> None:
    with server(tmp_path / "one") as port:
        pass
    with reads(kind, f"redis://127.0.0.1:{port}", timeout=0.5) as reader:
        assert reader.get("c-17").origin == "default"
        with server(tmp_path / "again", port=port):
            with Redis(port=port) as client:
                write(client, "lifecycle", "c-17", "loyalty")

            assert reader.until("c-17", lambda p: p.is_known).stage == "loyalty"


def test_a_cluster_follows_aliases_and_hears_of_changes(kind: str, tmp_path: Path) -> None:
    with cluster(tmp_path) as url:
        port = int(url.rpartition(":")[2])
        with RedisCluster(host="127.0.0.1", port=port) as client, reads(kind, url, timeout=5) as reader:
            write(client, "lifecycle", "c-17", "loyalty")
            client.set("lifecycle:alias:{anon-1}", "c-17")
            for asked in ("c-17", "anon-1"):
                assert reader.until_kept(asked).stage == "loyalty"
            write(client, "lifecycle", "c-17", "advocacy", 2)
            client.publish("lifecycle:stage-changes", '{"customer_id": "c-17"}')
            for asked in ("c-17", "anon-1"):
                assert reader.until(asked, lambda p: p.version == 2).stage == "advocacy"


def test_a_user_who_may_only_read_hashes_is_served_without_a_cache(kind: str, tmp_path: Path) -> None:
    with server(tmp_path) as port:
        with Redis(port=port) as client:
            write(client, "lifecycle", "c-17", "loyalty")
            client.execute_command(
                "ACL SETUSER page on >s3cret resetchannels ~lifecycle:* +hgetall +get +ping +client|setinfo"
            )
        with reads(kind, f"redis://page:s3cret@127.0.0.1:{port}", timeout=2) as reader:
            seen = [reader.until("c-17", lambda p: p.is_known).origin for _ in range(5)]

    assert seen == ["redis"] * 5


def test_a_url_that_is_none_is_refused_without_its_secret() -> None:
    with pytest.raises(Misconfigured) as refused:
        StageReader("http://user:hunter2@a")

    assert "hunter2" not in str(refused.value)


def test_the_reader_pulls_in_nothing_of_the_service() -> None:
    told = "import sys, stream_app.reader; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    ended = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)

    assert {"faust", "river", "aiokafka", "pydantic", "numpy", "structlog", "orjson"}.isdisjoint(
        ended.stdout.split()
    )


def _pid(port: int) -> int:
    with Redis(port=port) as client:
        return int(client.info("server")["process_id"])


def _asked(port: int) -> int:
    with Redis(port=port) as client:
        return int(client.info("commandstats").get("cmdstat_eval", {"calls": 0})["calls"])

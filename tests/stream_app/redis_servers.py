"""Redis servers of their own for tests that flush, stop or shard them."""

import asyncio
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from stream_app.embedded.ports import choose_port, is_free
from stream_app.embedded.redis import find_redis
from stream_app.redis_connection import connect
from stream_app.redis_sink import RedisSink

SLOTS = 16_384


@contextmanager
def server(directory: Path, *options: str, port: int = 0) -> Iterator[int]:
    """A Redis of its own, on a free port unless one is given; ends with the block."""
    directory.mkdir(parents=True, exist_ok=True)
    port = port or choose_port()
    command = [str(find_redis().path), "--port", str(port), "--bind", "127.0.0.1", "--save", "", *options]
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen([*command, "--dir", str(directory)], stdout=log, stderr=log)
        try:
            wait_until_ready(port)
            yield port
        finally:
            process.kill()
            process.wait()


def on_empty(url: str, story: Callable[[Any], Awaitable[None]]) -> None:
    """Tell a story with a client of a server that holds nothing, and has counted nothing."""

    async def tell() -> None:
        client: Any = connect(url)
        try:
            await client.flushall()
            await client.config_resetstat()
            await story(client)
        finally:
            await client.aclose()

    asyncio.run(tell())


def with_sink(url: str, story: Callable[[Any, RedisSink], Awaitable[None]]) -> None:
    """The same with a sink of one lifecycle."""
    on_empty(url, lambda client: story(client, RedisSink(client, "lifecycle:", ["retail"])))


def wait_until_ready(port: int) -> None:
    patience = time.monotonic() + 20
    while True:
        try:
            with Redis(port=port) as client:
                client.ping()
                return
        except RedisError:
            if time.monotonic() > patience:
                raise
            time.sleep(0.05)


@contextmanager
def cluster(directory: Path) -> Iterator[str]:
    """A Redis Cluster of three nodes without replicas; the URL."""
    with ExitStack() as nodes:
        options = ("--cluster-enabled", "yes", "--cluster-node-timeout", "5000")
        ports = [
            nodes.enter_context(server(directory / str(i), *options, port=_port_of_node())) for i in range(3)
        ]
        for i, port in enumerate(ports):
            with Redis(port=port) as client:
                first, last = i * SLOTS // 3, (i + 1) * SLOTS // 3
                client.execute_command("CLUSTER SET-CONFIG-EPOCH", i + 1)
                client.execute_command("CLUSTER ADDSLOTS", *range(first, last))
                client.execute_command("CLUSTER MEET", "127.0.0.1", ports[0])
        _wait_until_formed(ports)
        yield f"redis+cluster://127.0.0.1:{ports[0]},127.0.0.1:{ports[1]}"


def _port_of_node() -> int:
    """A free port whose bus, 10,000 higher, is free too: there any connection may just have its own."""
    while not is_free((port := choose_port()) + 10_000):
        pass
    return port


def _wait_until_formed(ports: list[int]) -> None:
    patience = time.monotonic() + 30
    for port in ports:
        with Redis(port=port) as client:
            while client.execute_command("CLUSTER INFO")["cluster_state"] != "ok":
                assert time.monotonic() < patience, "the cluster does not form"
                time.sleep(0.1)

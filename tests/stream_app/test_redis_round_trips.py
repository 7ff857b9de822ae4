"""Who asks Redis at the same time shares a round trip, and nobody else's error."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from redis.exceptions import ResponseError

from stream_app.redis_connection import RedisUnavailable, connect, telling_redis
from stream_app.redis_round_trips import RoundTrips
from tests.stream_app.redis_servers import on_empty, server

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with server(tmp_path_factory.mktemp("redis")) as port:
        yield port


def test_each_gets_the_answers_to_its_own_commands(port: int) -> None:
    async def story(client: Any) -> None:
        trips = RoundTrips(client, 2.0)
        answers = await asyncio.gather(
            trips.ask([["RPUSH", "a", 1], ["RPUSH", "a", 2]]), trips.ask([]), trips.ask([["RPUSH", "b", 1]])
        )
        assert answers == [[1, 2], [], [1]]
        assert await trips.ask([["RPUSH", "b", 2]]) == [2]

    on_empty(f"redis://127.0.0.1:{port}", story)


def test_an_error_belongs_to_whoever_caused_it(port: int) -> None:
    async def story(client: Any) -> None:
        trips = RoundTrips(client, 2.0)
        bad, good = await asyncio.gather(
            trips.ask([["SET", "a", 1], ["HGET", "a", "field"]]),
            trips.ask([["GET", "a"]]),
            return_exceptions=True,
        )
        assert isinstance(bad, ResponseError)
        assert good == [b"1"]

    on_empty(f"redis://127.0.0.1:{port}", story)


def test_one_who_gives_up_takes_nothing_from_the_others(port: int) -> None:
    async def story(client: Any) -> None:
        trips = RoundTrips(client, 2.0)
        leaving, staying = (asyncio.create_task(trips.ask([["INCR", "n"]])) for _ in range(2))
        await asyncio.sleep(0)
        leaving.cancel()
        with suppress(asyncio.CancelledError):
            await leaving
        assert await staying == [2]

    on_empty(f"redis://127.0.0.1:{port}", story)


def test_a_server_that_is_away_is_told_to_everybody(tmp_path: Path) -> None:
    with server(tmp_path) as port:
        client: Any = connect(f"redis://127.0.0.1:{port}")

    async def story() -> None:
        trips = RoundTrips(client, 2.0)

        async def ask() -> None:
            with telling_redis("nothing is written"):
                await trips.ask([["GET", "a"]])

        told = await asyncio.gather(ask(), ask(), return_exceptions=True)
        assert [type(error) for error in told] == [RedisUnavailable, RedisUnavailable]
        await client.aclose()

    asyncio.run(story())

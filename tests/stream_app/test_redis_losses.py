"""What Redis has lost is reported until somebody has heard it."""

from collections.abc import Iterator
from typing import Any

import pytest

from stream_app.redis_keys import RedisKeys
from stream_app.redis_records import RUN_LENGTH
from stream_app.redis_sink import RedisSink, RedisUnavailable
from tests.stream_app.redis_servers import server, with_sink
from tests.stream_app.stage_changes import Log, change

pytestmark = pytest.mark.integration
KEYS = RedisKeys("lifecycle:")


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with server(tmp_path_factory.mktemp("redis")) as port:
        yield f"redis://127.0.0.1:{port}"


def test_a_loss_is_reported_although_a_later_part_of_the_batch_fails_at_first(url: str) -> None:
    async def story(client: Any, sink: RedisSink) -> None:
        log = Log()
        log.append(change("c1", 1, "prospect"))
        await sink.push(0, log.records)
        await client.flushall()
        for number in range(RUN_LENGTH + 1):
            log.append(change(f"new {number}", 1, "prospect"))
        await client.set(KEYS.customer(f"new {RUN_LENGTH}"), "no hash")  # met in the second part only
        with pytest.raises(RedisUnavailable, match="WRONGTYPE"):
            await sink.push(0, log.records[1:])
        assert await client.hget(KEYS.ledger(0), "lost") == b"yes"
        await client.delete(KEYS.customer(f"new {RUN_LENGTH}"))

        told = [(await sink.push(0, log.records[1:])).lost for _ in range(2)]
        assert told == [True, False]

    with_sink(url, story)


def test_a_loss_is_reported_although_the_server_knows_no_scripts_any_more(url: str) -> None:
    async def story(client: Any, sink: RedisSink) -> None:
        log = Log()
        log.append(change("c1", 1, "prospect"))
        await sink.push(0, log.records)
        await client.flushall()
        await client.script_flush()
        sink.forget_partition(0)  # it comes back, so the loss is met before the first script
        log.append(change("c1", 2, "prospect", reason="rescored"))

        told = [(await sink.push(0, log.records[1:])).lost for _ in range(2)]
        assert told == [True, False]

    with_sink(url, story)

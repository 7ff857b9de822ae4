"""What erasures cost in Redis: the stream is read once for all who are erased together, and never for merged ids."""

from collections.abc import Iterator
from typing import Any

import pytest

from stream_app.redis_erasure import PAGE, entries_of, scrub
from stream_app.redis_keys import RedisKeys
from stream_app.redis_sink import RedisSink
from tests.stream_app.redis_servers import server, with_sink
from tests.stream_app.stage_changes import Expected, Log, by_customer, change, held

pytestmark = pytest.mark.integration
KEYS = RedisKeys("lifecycle:")
MANY = 2 * PAGE + 10


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with server(tmp_path_factory.mktemp("redis")) as port:
        yield f"redis://127.0.0.1:{port}"


async def pages_read(client: Any) -> int:
    """How many pages of streams were read since the server was last asked."""
    found = (await client.info("commandstats")).get("cmdstat_xrange", {}).get("calls", 0)
    await client.config_resetstat()
    return int(found)


def crowd() -> Log:
    """So many customers that the stream has three pages."""
    log = Log()
    for number in range(MANY):
        log.append(change(f"c{number}", 1, "prospect"))
    return log


def test_merging_ids_does_not_read_the_stream(url: str) -> None:
    async def story(client: Any, sink: RedisSink) -> None:
        log = crowd()
        await sink.push(0, log.records)
        for number in range(9):
            log.erase(f"c{number}", 2, alias="c20")
            log.erase(f"never seen {number}", 1, alias="c20")
        await sink.push(0, log.records[MANY:])
        await RedisSink(client, "lifecycle:", ["retail"]).push(0, log.records[MANY:])  # after a crash

        assert await pages_read(client) == 0
        counts, risks, stream = await held(client, KEYS)
        expected = Expected(log)
        assert (counts, risks) == (expected.counts, expected.risks)
        assert by_customer(stream) == by_customer(expected.stream)
        assert ("c3", 1) in stream
        assert await client.get("lifecycle:alias:{never seen 3}") == b"c20"

    with_sink(url, story)


def test_all_who_are_erased_in_one_batch_share_one_reading(url: str) -> None:
    async def story(client: Any, sink: RedisSink) -> None:
        log = crowd()
        await sink.push(0, log.records)
        for number in (0, 5, PAGE, MANY - 1):
            log.erase(f"c{number}", 2)
        log.mark("begin", "n1")  # cuts the batch into two
        log.erase("c7", 2)
        log.append(change("c7", 3, "prospect"))
        for pushing in (sink, RedisSink(client, "lifecycle:", ["retail"])):  # once more, as after a crash
            await pages_read(client)
            await pushing.push(0, log.records[MANY:])

            assert await pages_read(client) == 3
            assert by_customer((await held(client, KEYS))[2]) == by_customer(Expected(log).stream)

    with_sink(url, story)


def test_an_erasure_whose_search_failed_is_searched_for_when_it_comes_again(url: str) -> None:
    async def story(client: Any, sink: RedisSink) -> None:
        log = crowd()
        await sink.push(0, log.records)
        entries = await client.xrange(KEYS.changes)
        log.erase("c1", 2)
        await sink.push(0, log.records[MANY:])
        again = await client.xadd(KEYS.changes, entries[1][1])  # as if the search had not come so far
        await sink.push(0, log.records[MANY:])

        assert again not in dict(await client.xrange(KEYS.changes))

    with_sink(url, story)


def test_ids_are_found_however_their_json_is_written(url: str) -> None:
    async def story(client: Any, _sink: RedisSink) -> None:
        for payload in (
            '{"customer_id": "zo\\u00eb", "version": 1}',
            '{"version": 2, "stage": "zoë", "customer_id": "zoë"}',
            '{"customer_id": "eve", "stage": "zoë", "version": 1}',
        ):
            await client.xadd("s", {"payload": payload})

        assert len(await entries_of(client, "s", "zoë")) == 2
        assert await scrub(client, "s", {}) == 0
        assert await scrub(client, "s", {"zoë": 1, "eve": 0}) == 1
        assert await scrub(client, "s", {"zoë": 2, "eve": 1}) == 2
        assert await client.xlen("s") == 0

    with_sink(url, story)

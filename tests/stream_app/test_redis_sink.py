"""What the sink promises: each change once, loss is noticed, Redis may be away, or be a Cluster."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest

from stream_app.redis_connection import connect
from stream_app.redis_keys import RedisKeys
from stream_app.redis_records import SinkRecord
from stream_app.redis_sink import RedisSink, RedisUnavailable
from tests.stream_app.redis_servers import cluster, server
from tests.stream_app.stage_changes import Expected, Log, by_customer, change, hash_of, held

pytestmark = pytest.mark.integration
KEYS = RedisKeys("lifecycle:")


@pytest.fixture(scope="module", params=["server", "cluster"])
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    directory = tmp_path_factory.mktemp("redis")
    if request.param == "cluster":
        with cluster(directory) as address:
            yield address
    else:
        with server(directory) as port:
            yield f"redis://127.0.0.1:{port}"


@asynccontextmanager
async def emptied(url: str) -> AsyncIterator[Any]:
    client: Any = connect(url)
    try:
        await flush(client)
        yield client
    finally:
        await client.aclose()


async def flush(client: Any) -> None:
    options = {"target_nodes": client.PRIMARIES} if hasattr(client, "PRIMARIES") else {}
    await client.flushall(**options)


def on(url: str, story: Callable[[Any], Awaitable[None]]) -> None:
    async def tell() -> None:
        async with emptied(url) as client:
            await story(client)

    asyncio.run(tell())


def two_customers() -> Log:
    log = Log()
    log.append(change("c1", 1, "prospect"))
    log.append(change("c2", 1, "prospect"))
    log.append(change("c1", 2, "customer", previous_stage="prospect"))
    return log


async def assert_redis_equals(client: Any, *logs: Log) -> None:
    expected = Expected(*logs)
    counts, risks, stream = await held(client, KEYS)

    assert counts == expected.counts
    assert risks == expected.risks
    assert by_customer(stream) == by_customer(expected.stream)
    for customer in expected.customers:
        assert await hash_of(client, KEYS, customer) == expected.hash_of(customer)


def test_redis_holds_what_the_topic_says(url: str) -> None:
    async def story(client: Any) -> None:
        log = two_customers()
        result = await RedisSink(client, "lifecycle:", ["retail"]).push(0, log.records)

        assert (result.applied, result.duplicates, result.lost) == (3, 0, False)
        await assert_redis_equals(client, log)
        assert (await client.hgetall("lifecycle:customer:{c1}"))[b"stage"] == b"customer"
        assert await client.hgetall("lifecycle:stage-counts") == {b"customer": b"1", b"prospect": b"1"}

    on(url, story)


def test_a_customer_with_thousands_of_changes_holds_nobody_up(url: str) -> None:
    """As of a till in a shop, or an id that many share: every change of a run is remembered until it counts."""

    async def story(client: Any) -> None:
        log = Log()
        for version in range(1, 3001):
            log.append(change("till", version, "prospect" if version % 3 else "customer"))
        log.append(change("c1", 1, "prospect"))
        result = await RedisSink(client, "lifecycle:", ["retail"]).push(0, log.records)

        assert (result.applied, result.duplicates, result.lost) == (3001, 0, False)
        await assert_redis_equals(client, log)
        if not hasattr(client, "PRIMARIES"):  # there a call is about one record
            before = (await client.info("commandstats"))["cmdstat_hset"]["calls"]
            await RedisSink(client, "lifecycle:", ["retail"]).push(1, log.records)
            assert (await client.info("commandstats"))["cmdstat_hset"]["calls"] - before < 50

    on(url, story)


def test_a_redis_that_throws_keys_away_is_found_out(url: str) -> None:
    async def story(client: Any) -> None:
        nodes = {"target_nodes": client.PRIMARIES} if hasattr(client, "PRIMARIES") else {}
        found = {}
        for policy in ("allkeys-lru", "volatile-lru", "noeviction"):
            await client.config_set("maxmemory-policy", policy, **nodes)
            found[policy] = await RedisSink(client, "lifecycle:", ["retail"]).eviction()
        assert found == {"allkeys-lru": "allkeys-lru", "volatile-lru": "", "noeviction": ""}

    on(url, story)


def test_a_redis_that_is_full_says_so_and_takes_all_when_there_is_room(url: str) -> None:
    async def story(client: Any) -> None:
        nodes = {"target_nodes": client.PRIMARIES} if hasattr(client, "PRIMARIES") else {}
        sink, log = RedisSink(client, "lifecycle:", ["retail"]), two_customers()
        await client.config_set("maxmemory", "100kb", **nodes)
        with pytest.raises(RedisUnavailable, match="it is full: give it more memory"):
            await sink.push(0, log.records)
        await client.config_set("maxmemory", "0", **nodes)
        await sink.push(0, log.records)
        await assert_redis_equals(client, log)

    on(url, story)


def test_a_batch_that_comes_again_changes_nothing(url: str) -> None:
    async def story(client: Any) -> None:
        log = two_customers()
        await RedisSink(client, "lifecycle:", ["retail"]).push(0, log.records)
        result = await RedisSink(client, "lifecycle:", ["retail"]).push(0, log.records)

        assert (result.applied, result.duplicates) == (0, 3)
        await assert_redis_equals(client, log)

    on(url, story)


def test_a_change_that_the_worker_sent_twice_counts_once(url: str) -> None:
    async def story(client: Any) -> None:
        log = two_customers()
        for record in log.records[:]:
            log.append(orjson.loads(record.value))
        result = await RedisSink(client, "lifecycle:", ["retail"]).push(0, log.records)

        assert (result.applied, result.duplicates) == (3, 3)
        await assert_redis_equals(client, log)

    on(url, story)


def test_each_change_is_published_once_on_the_channel(url: str) -> None:
    async def story(client: Any) -> None:
        if not hasattr(client, "pubsub"):  # redis-py's Cluster client cannot subscribe
            return
        async with client.pubsub() as channel:
            await channel.subscribe("lifecycle:stage-changes")
            log = two_customers()
            for _ in range(2):
                await RedisSink(client, "lifecycle:", ["retail"]).push(0, log.records)
            heard = []
            while message := await channel.get_message(timeout=0.5):
                if message["type"] == "message":
                    heard.append(message["data"])

            assert heard == [record.value for record in log.records]

    on(url, story)


def test_partitions_add_up_in_the_stage_counts(url: str) -> None:
    async def story(client: Any) -> None:
        one, other = two_customers(), Log()
        other.append(change("c3", 1, "prospect"))
        sink = RedisSink(client, "lifecycle:", ["retail"])
        await sink.push(0, one.records)
        await sink.push(1, other.records)

        await assert_redis_equals(client, one, other)

    on(url, story)


def test_further_lifecycles_put_their_name_into_the_keys(url: str) -> None:
    async def story(client: Any) -> None:
        log = Log()
        log.append(change("c1", 1, "prospect"))
        log.append(change("c1", 1, "trial", lifecycle="saas"))
        log.append(change("c1", 1, "x", lifecycle="not configured"))
        result = await RedisSink(client, "lifecycle:", ["retail", "saas"]).push(0, log.records)

        assert (result.applied, result.unknown) == (2, 1)
        assert await client.hget("lifecycle:customer:{c1}", "stage") == b"prospect"
        assert await client.hget("lifecycle:saas:customer:{c1}", "stage") == b"trial"
        assert await client.hgetall("lifecycle:saas:stage-counts") == {b"trial": b"1"}

    on(url, story)


def test_an_erased_customer_leaves_nothing_and_may_come_back(url: str) -> None:
    async def story(client: Any) -> None:
        log = two_customers()
        log.erase("c1", 3)
        sink = RedisSink(client, "lifecycle:", ["retail"])
        await sink.push(0, log.records)

        assert not await client.exists("lifecycle:customer:{c1}")
        await assert_redis_equals(client, log)

        log.append(change("c1", 4, "prospect", previous_stage=None))
        await sink.push(0, log.records[4:])

        await assert_redis_equals(client, log)

    on(url, story)


def test_a_merged_id_is_found_under_its_customer_until_it_stands_for_itself_again(url: str) -> None:
    async def story(client: Any) -> None:
        log, alias = two_customers(), "lifecycle:alias:{c1}"
        log.erase("c1", 3, alias="c2")
        sink = RedisSink(client, "lifecycle:", ["retail"])
        await sink.push(0, log.records)
        assert await client.get(alias) == b"c2"
        await assert_redis_equals(client, log)

        log.erase("c1", 4)
        log.append(change("c1", 5, "prospect", previous_stage=None))
        for _ in range(2):  # all of it once more, as after a crash
            await RedisSink(client, "lifecycle:", ["retail"]).push(0, log.records)
            assert await client.get(alias) is None
            await assert_redis_equals(client, log)

    on(url, story)


def test_what_is_no_stage_change_is_passed_over(url: str) -> None:
    async def story(client: Any) -> None:
        log = Log()
        for value in (b"", b"[]", b'{"customer_id":"c1"}', b'{"customer_id":1,"version":1,"stage":"x"}'):
            log.records.append(SinkRecord(len(log.records), b"c1", value))
        log.append(change("c1", 1, "x", churn_risk="high"))
        log.append(change("c1", 1, "prospect", churn_risk=None))
        result = await RedisSink(client, "lifecycle:", ["retail"]).push(0, log.records)

        assert (result.applied, result.unreadable) == (1, [0, 1, 2, 3, 4])
        assert await client.zcard("lifecycle:churn-risk") == 0

    on(url, story)


def test_flushed_data_is_noticed_once_and_a_republish_brings_it_back(url: str) -> None:
    async def story(client: Any) -> None:
        log = two_customers()
        sink = RedisSink(client, "lifecycle:", ["retail"])
        await sink.push(0, log.records)
        await flush(client)
        log.append(change("c2", 2, "customer", previous_stage="prospect"))
        told = [(await sink.push(0, log.records[3:])).lost, (await sink.push(0, log.records[3:])).lost]

        assert told == [True, False]
        assert (await RedisSink(client, "lifecycle:", ["retail"]).push(0, log.records[3:])).lost

        log.mark("begin", "n1")
        log.append(change("c1", 2, "customer", previous_stage="prospect"), {"republish": b"n1"})
        log.append(change("c3", 1, "prospect"))
        log.append(change("c2", 2, "customer", previous_stage="prospect"), {"republish": b"n1"})
        log.append(change("c3", 1, "prospect"), {"republish": b"n1"})
        log.mark("end", "n1")
        result = await sink.push(0, log.records[4:])

        assert (result.lost, result.republished) == (False, "n1")
        counts, risks, _ = await held(client, KEYS)
        assert (counts, risks) == (Expected(log).counts, Expected(log).risks)
        assert not (await RedisSink(client, "lifecycle:", ["retail"]).push(0, log.records[4:])).lost

    on(url, story)


def test_a_new_score_of_a_customer_who_is_gone_from_redis_shows_a_loss(url: str) -> None:
    async def story(client: Any) -> None:
        log = two_customers()
        sink = RedisSink(client, "lifecycle:", ["retail"])
        await sink.push(0, log.records)
        await client.delete("lifecycle:customer:{c1}")
        log.append(change("c1", 3, "customer", reason="rescored"))

        assert (await sink.push(0, log.records[3:])).lost

    on(url, story)


def test_a_republish_mends_stage_counts_that_somebody_changed(url: str) -> None:
    async def story(client: Any) -> None:
        log = two_customers()
        sink = RedisSink(client, "lifecycle:", ["retail"])
        await sink.push(0, log.records)
        await client.delete("lifecycle:stage-counts", "{lifecycle:stage-counts}:partition:0")
        log.mark("begin", "n1")
        for customer, body in Expected(log).customers.items():
            assert customer == body["customer_id"]
            log.append(body, {"republish": b"n1"})
        log.mark("end", "n1")
        result = await sink.push(0, log.records[3:])

        assert result.lost
        await assert_redis_equals(client, log)

    on(url, story)


def test_scripts_that_the_server_has_forgotten_are_loaded_again(url: str) -> None:
    async def story(client: Any) -> None:
        log = two_customers()
        sink = RedisSink(client, "lifecycle:", ["retail"])
        await sink.push(0, log.records[:1])
        await client.script_flush()
        await sink.push(0, log.records[1:])

        await assert_redis_equals(client, log)

    on(url, story)


def test_two_sinks_that_push_the_same_partition_at_once_do_not_disturb_each_other(url: str) -> None:
    async def story(client: Any) -> None:
        log = Log()
        for version in range(1, 40):
            for customer in ("c1", "c2", "c3"):
                log.append(change(customer, version, f"stage {version % 3}"))
        sinks = [RedisSink(client, "lifecycle:", ["retail"]) for _ in range(3)]

        async def deliver(sink: RedisSink, length: int) -> None:
            for at in range(0, len(log.records), length):
                await sink.push(0, log.records[at : at + length])

        await asyncio.gather(*map(deliver, sinks, (7, 11, 20)))

        await assert_redis_equals(client, log)

    on(url, story)


def test_a_redis_that_is_away_is_reported_within_two_seconds_and_caught_up_with_later(tmp_path: Path) -> None:
    async def story() -> None:
        log = two_customers()
        with server(tmp_path) as port:
            client: Any = connect(f"redis://127.0.0.1:{port}")
            sink = RedisSink(client, "lifecycle:", ["retail"])
            await sink.push(0, log.records[:1])
        begin = time.monotonic()
        with pytest.raises(RedisUnavailable, match="Redis"):
            await sink.push(0, log.records[1:])

        assert time.monotonic() - begin < 2
        with server(tmp_path, port=port):
            result = await sink.push(0, log.records[1:])
            assert result.lost
        await client.aclose()

    asyncio.run(story())

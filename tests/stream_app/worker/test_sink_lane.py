"""How many stage changes wait for Redis, whichever way they come or do not come."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from redis import Redis

from stream_app.settings import load_settings
from stream_app.worker.publisher import Record
from stream_app.worker.run import build_worker
from stream_app.worker.sink_lane import SinkLane
from tests.stream_app.redis_servers import server
from tests.stream_app.stage_changes import Log, change


@pytest.fixture
def lane(tmp_path: Path) -> SinkLane:
    app, context = build_worker(load_settings(environment={"LIFECYCLE_DATA_DIR": str(tmp_path)}))
    return SinkLane(context, app.gate._sink, partition=0, generation=1, begin=0)


def records(count: int) -> list[Record]:
    return [Record(b"ann", b"{}")] * count


def test_what_was_published_waits_until_it_is_pushed(lane: SinkLane) -> None:
    assert lane.waiting(None) == 0
    lane.offer_published(0, records(3), 1.0)
    lane.offer_published(3, records(4), 2.0)
    assert lane.waiting(None) == 7
    assert lane.waiting(5) == 7, "the last fetch knows less"


def test_what_found_no_room_waits_in_kafka_and_is_counted(lane: SinkLane) -> None:
    lane.offer_published(0, records(4000), 1.0)
    lane.offer_published(4000, records(500), 1.0)
    lane.offer_published(4500, records(500), 1.0)
    assert (lane.waiting(None), lane.is_told) == (5000, False)


def test_what_another_process_has_written_is_counted_when_a_fetch_tells(lane: SinkLane) -> None:
    lane.offer_published(0, records(3), 1.0)
    assert lane.waiting(10) == 10
    lane.offer_published(10, records(2), 1.0)
    assert lane.waiting(10) == 12


def test_of_a_topic_that_was_never_read_nothing_is_claimed(lane: SinkLane) -> None:
    """Its records may have been deleted long ago."""
    assert lane.waiting(1_000_000) == 0


@asynccontextmanager
async def overtaxed(port: int, most: int) -> AsyncIterator[int]:
    """A way to a Redis that breaks off when more than so many bytes are asked of it before it has answered."""

    async def pass_on(asker: asyncio.StreamReader, answer: asyncio.StreamWriter) -> None:
        redis_reader, redis_writer = await asyncio.open_connection("127.0.0.1", port)
        asked = 0

        async def back() -> None:
            nonlocal asked
            while answered := await redis_reader.read(1 << 16):
                asked = 0
                answer.write(answered)

        answers = asyncio.create_task(back())
        with suppress(ConnectionError):
            while (words := await asker.read(1 << 16)) and (asked := asked + len(words)) <= most:
                redis_writer.write(words)
        answers.cancel()
        redis_writer.close()
        answer.close()

    async with await asyncio.start_server(pass_on, "127.0.0.1") as relay:
        yield relay.sockets[0].getsockname()[1]


@pytest.mark.integration
def test_a_redis_that_is_too_slow_for_a_push_is_asked_for_less(tmp_path: Path) -> None:
    log = Log()
    for number in range(2000):
        log.append(change(f"c{number}", 1, "prospect", lifecycle="six-stage"))

    async def push(port: int) -> None:
        async with overtaxed(port, 150_000) as way:
            settings = load_settings(
                environment={
                    "LIFECYCLE_REDIS": f"redis://127.0.0.1:{way}",
                    "LIFECYCLE_DATA_DIR": str(tmp_path),
                }
            )
            app, context = build_worker(settings)
            lane = SinkLane(context, app.gate._sink, partition=0, generation=1, begin=0)
            lane.offer_published(0, [Record(each.key, each.value) for each in log.records], 1.0)
            running = asyncio.create_task(lane.run())
            while lane.waiting(None):  # noqa: ASYNC110 - it tells nobody when it is done
                await asyncio.sleep(0.05)
            await lane.close()
            await running
            await app.gate._sink._client.aclose()

    with server(tmp_path / "redis") as port:
        asyncio.run(asyncio.wait_for(push(port), 60.0))
        assert Redis(port=port, decode_responses=True).hgetall("lifecycle:stage-counts") == {
            "prospect": "2000"
        }

"""Bare records are what the client hands out otherwise, whatever lies in the log and however little is asked for at once."""

import asyncio
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from stream_app.kafka_clients import client_options
from stream_app.worker.bare_records import bare
from tests.integration.workers import Tenant

pytestmark = pytest.mark.integration

Seen = tuple[int, bytes | None, bytes | None, int, tuple[tuple[str, bytes], ...]]


async def fill(options: dict[str, Any], topic: str, name: str) -> None:
    """Batches of one record and of many, headers, missing values, and transactions that were and were not committed."""
    async with AIOKafkaProducer(**options, linger_ms=20) as producer:
        await asyncio.gather(*[producer.send(topic, b"%d" % n, b"k%d" % n, 0) for n in range(40)])
        await producer.send_and_wait(topic, None, b"gone", 0)
    async with AIOKafkaProducer(**options, transactional_id=name) as producer:
        async with producer.transaction():
            await producer.send(topic, b"paid", b"ann", 0, headers=[("trace", b"7"), ("empty", b"")])
        await producer.begin_transaction()
        await producer.send_and_wait(topic, b"taken back", b"bob", 0)
        await producer.abort_transaction()
        async with producer.transaction():
            await producer.send(topic, b"last", b"cyd", 0)


async def read(
    options: dict[str, Any], place: TopicPartition, most: int, start: int, *, is_bare: bool
) -> list[Seen]:
    """What a consumer hands out from *start*, and that its position ends behind what is no record."""
    consumer = AIOKafkaConsumer(enable_auto_commit=False, fetch_max_wait_ms=100, **options)
    await consumer.start()
    if is_bare:
        bare(consumer)
    try:
        consumer.assign([place])
        consumer.seek(place, start)
        end, seen = (await consumer.end_offsets([place]))[place], []
        while await consumer.position(place) < end:
            for record in (await consumer.getmany(place, timeout_ms=500, max_records=most)).get(place, ()):
                headers = tuple((name, bytes(value)) for name, value in record.headers)
                seen.append((record.offset, record.key, record.value, record.timestamp, headers))
        assert await consumer.position(place) == end == consumer.highwater(place)
        return seen
    finally:
        await consumer.stop()


@pytest.mark.parametrize("most", [1, 7, 1000])
def test_bare_records_are_those_of_the_client(tenant: Tenant, most: int) -> None:
    options, topic = client_options(tenant.settings), tenant.topic("ads")
    asyncio.run(fill(options, topic, f"{tenant.prefix}-shop"))
    place = TopicPartition(topic, 0)
    for start in (0, 13, 41):
        plain = asyncio.run(read(options, place, most, start, is_bare=False))
        found = asyncio.run(read(options, place, most, start, is_bare=True))
        assert found == plain
        assert plain[0][0] == start
        assert plain[-1][2] == b"last"

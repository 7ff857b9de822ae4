"""Bare records are what the client hands out otherwise, whatever lies in the log and however little is asked for at once."""

import asyncio
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.default_records import DefaultRecordBase
from aiokafka.record.util import calc_crc32c

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
                headers = tuple((name, bytes(value or b"")) for name, value in record.headers)
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


_SNAPPY = 2


class _Sender(BatchBuilder):
    """A client that takes any bytes for a name: those of a name in ASCII are exchanged in the finished batch."""

    def _build(self) -> Any:
        built = bytearray(super()._build()).replace(b"~~~~", b"\xff\xc3(\x80")
        checked = DefaultRecordBase.ATTRIBUTES_OFFSET
        built[checked - 4 : checked] = calc_crc32c(bytes(built[checked:])).to_bytes(4, "big")
        return built


@pytest.mark.parametrize("compression", [0, _SNAPPY])
def test_a_header_name_that_is_no_text_stops_nobody(tenant: Tenant, compression: int) -> None:
    options, place = client_options(tenant.settings), TopicPartition(tenant.topic("ads"), 0)

    async def send() -> None:
        async with AIOKafkaProducer(**options) as producer:
            await producer.send_and_wait(place.topic, b"first", b"ann", 0)
            batch = _Sender(1 << 20, compression)
            for number in range(5):
                headers = [("größe", b"7"), ("~~~~", b"odd"), ("null", None)] if number == 3 else []
                batch.append(key=b"k%d" % number, value=b"v%d" % number, timestamp=None, headers=headers)
            batch.close()
            await (await producer.send_batch(batch, place.topic, partition=0))
            await producer.send_and_wait(place.topic, b"last", b"ann", 0)

    asyncio.run(send())
    for most, start in ((1, 0), (1000, 0), (1000, 3)):
        seen = asyncio.run(read(options, place, most, start, is_bare=True))
        assert [value for _, _, value, _, _ in seen] == [
            b"first",
            b"v0",
            b"v1",
            b"v2",
            b"v3",
            b"v4",
            b"last",
        ][start:]
        assert {names for *_, names in seen} == {(), (("größe", b"7"), ("??(?", b"odd"), ("null", b""))}

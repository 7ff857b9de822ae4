"""Redis comes back from an older snapshot, and a republish brings it to the present: also about those who are gone."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from state import DAY
from stream_app.outputs import ALERT, Output
from stream_app.redis_alerts import AlertBook
from stream_app.redis_connection import connect
from stream_app.redis_keys import RedisKeys
from stream_app.redis_records import SinkRecord
from stream_app.redis_sink import PushResult, RedisSink
from stream_app.worker.routing import by_kind, state_record
from tests.state.builders import START, build_event
from tests.stream_app.partitions import Partition, arrived, scoring
from tests.stream_app.redis_servers import server

pytestmark = pytest.mark.integration
KEYS = RedisKeys("lifecycle:")
NONCE = b"n1"
#: How everything in a key is read, by its type.
READ = {
    "hash": ("HGETALL",),
    "zset": ("ZRANGE", 0, -1),
    "stream": ("XRANGE", "-", "+"),
    "string": ("GET",),
}


class Service:
    """A partition with its sinks: what it publishes goes to Redis."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.partition = Partition(scoring())
        self.sink = RedisSink(client, "lifecycle:", ["retail"])
        self.book = AlertBook(client, "lifecycle:", ["retail"])
        self.end = self.shown = 0

    async def buys(self, customer: str, day: float, number: int) -> None:
        event = build_event(at=START + round(day * DAY), customer=customer, message=number << 20)
        record = replace(arrived([event])[0], offset=number)
        self.partition.fold([record])
        await self.show()

    async def show(self) -> None:
        """Bring to Redis what was published since the last time."""
        outputs, self.shown = self.partition.outputs[self.shown :], len(self.partition.outputs)
        routed = by_kind(outputs)
        await self.book.write([record.value for record in routed.get("churn-alerts", [])])
        await self.push([(r.key, r.value, dict(r.headers)) for r in routed.get("stage-changes", [])])

    async def push(self, records: Sequence[tuple[bytes | None, bytes, dict[str, bytes]]]) -> PushResult:
        batch = [SinkRecord(self.end + at, key or b"", *rest) for at, (key, *rest) in enumerate(records)]
        self.end += len(batch)
        return await self.sink.push(0, batch)

    async def republish(self) -> PushResult:
        outputs: list[Output] = list(self.partition.engine.republish())
        await self.book.write([output.payload for output in outputs if output.kind == ALERT])
        states = [state_record(output, NONCE) for output in outputs if output.kind != ALERT]
        marker = b"__republish__", b"{}"
        told = [(record.key, record.value, dict(record.headers)) for record in states]
        return await self.push(
            [(*marker, {"republish-begin": NONCE}), *told, (*marker, {"republish-end": NONCE})]
        )

    async def snapshot(self) -> dict[bytes, bytes]:
        return {key: await self.client.dump(key) for key in await self.client.keys("*")}

    async def restore(self, snapshot: dict[bytes, bytes]) -> None:
        await self.client.flushall()
        for key, value in snapshot.items():
            await self.client.restore(key, 0, value)

    async def alerted(self) -> list[str]:
        """About whom alerts stand."""
        return sorted(each.fields["customer_id"] for each in await self.book.standing("retail", 9))

    async def mentions(self, customer: str) -> list[str]:
        """Keys whose name or content names a customer."""
        found = []
        for key in sorted(await self.client.keys("*")):
            command = READ[(await self.client.type(key)).decode()]
            content = await self.client.execute_command(*command[:1], key, *command[1:])
            if customer in str(key) or customer in str(content):
                found.append(key.decode())
        return found


async def with_alerts(client: Any) -> Service:
    """Ann and bob have bought a few times and are silent now: alerts stand about both."""
    service = Service(client)
    for number in range(8):
        await service.buys(("ann", "bob")[number % 2], 5 * number, number)
    service.partition.tick(START + 160 * DAY)
    await service.show()
    assert await service.alerted() == ["ann", "bob"]
    return service


def on(directory: Path, story: Callable[[Service], Awaitable[None]]) -> None:
    async def tell(port: int) -> None:
        client: Any = connect(f"redis://127.0.0.1:{port}")
        try:
            await story(await with_alerts(client))
        finally:
            await client.aclose()

    with server(directory) as port:
        asyncio.run(tell(port))


def test_who_was_erased_is_gone_after_a_republish_though_the_snapshot_is_older(tmp_path: Path) -> None:
    async def story(service: Service) -> None:
        snapshot = await service.snapshot()
        service.partition.erase("bob")
        await service.show()
        assert await service.mentions("bob") == []

        await service.restore(snapshot)
        assert len(await service.mentions("bob")) >= 5  # hash, risk, stream, and twice for the alert
        result = await service.republish()

        assert (result.lost, result.republished) == (True, "n1")
        assert await service.mentions("bob") == []
        assert await service.client.hgetall(KEYS.counts) == {b"lapsed": b"1"}
        assert await service.client.zrange(KEYS.risks, 0, -1) == [b"ann"]
        assert await service.alerted() == ["ann"]

    on(tmp_path, story)


def test_an_alert_that_was_resolved_does_not_stand_after_a_republish(tmp_path: Path) -> None:
    async def story(service: Service) -> None:
        snapshot = await service.snapshot()
        await service.buys("ann", 161, 9)
        assert await service.alerted() == ["bob"]
        resolved = await service.book.find("retail", "ann")
        await service.republish()
        assert await service.book.find("retail", "ann") == resolved  # which says when it was

        await service.restore(snapshot)
        assert await service.alerted() == ["ann", "bob"]
        await service.republish()

        assert await service.alerted() == ["bob"]
        found = await service.book.find("retail", "ann")
        assert found is not None
        assert found.fields["status"] == "resolved"

    on(tmp_path, story)

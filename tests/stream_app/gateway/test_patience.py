"""A request waits for Kafka as long as it may, and no longer, whatever comes after it."""

import asyncio
import time
from typing import Any

import pytest

from stream_app.gateway.answers import Refused
from stream_app.gateway.outbox import Outbox
from stream_app.gateway.record import Load, Outgoing
from stream_app.settings import Settings

PATIENCE_S = 0.8


class Silent:
    """A producer that takes everything and never hears from Kafka."""

    async def send_batch(self, *_batch: Any, **_place: Any) -> "asyncio.Future[None]":
        return asyncio.get_running_loop().create_future()


async def refused_after(outbox: Outbox, topic: str) -> float:
    """Seconds until a request with one record hears that it is not certain."""
    load, begun = Load([], [], [], [], 0), time.monotonic()
    load.add(Outgoing(topic, b"u1", b"{}"))
    with pytest.raises(Refused) as refused:
        await outbox.send("lifecycle", load)
    assert refused.value.status == 503
    return time.monotonic() - begun


def test_each_request_is_refused_when_its_own_time_is_over() -> None:
    async def run() -> list[float]:
        settings = Settings(gateway={"answer_within": f"{PATIENCE_S * 1000:.0f}ms"})
        outbox = Outbox(settings, ["lifecycle"], time.monotonic, lambda: time.time_ns() // 1000)
        outbox._producer = Silent()  # there is no Kafka here
        waiting = []
        for topic in ("clickstream", "email", "clickstream", "purchases"):
            waiting.append(asyncio.create_task(refused_after(outbox, topic)))
            await asyncio.sleep(PATIENCE_S / 5)
        return await asyncio.gather(*waiting)

    for seconds in asyncio.run(run()):
        assert 0.9 * PATIENCE_S < seconds < PATIENCE_S + 0.2  # a busy machine may be late

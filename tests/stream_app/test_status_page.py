"""Whether a process lives and is ready, in words; and each process on a port of its own."""

import asyncio
import time

import pytest
from prometheus_client import CollectorRegistry, Gauge

from stream_app.errors import Unavailable
from stream_app.pulse import Pulse
from stream_app.status_page import serve_status
from tests.deploy.pages import Page, told

LOOPBACK = "127.0.0.1"


def test_pages_tell_reasons_and_metrics() -> None:
    reasons: list[str | None] = [None, None]
    registry = CollectorRegistry()
    Gauge("lifecycle_something", "Something", registry=registry).set(7)
    checks = {"healthz": [], "readyz": [lambda: reasons[0], lambda: reasons[1]]}

    port = serve_status(LOOPBACK, 0, registry, checks)

    assert told(port, "healthz") == told(port, "readyz") == (200, {"ok": True, "reasons": []})
    reasons[:] = [None, "Kafka has not answered yet"]
    assert told(port, "readyz") == (503, {"ok": False, "reasons": ["Kafka has not answered yet"]})
    assert told(port, "healthz")[0] == 200
    assert Page(port).sum("something") == 7


def test_two_processes_cannot_have_one_port() -> None:
    port = serve_status(LOOPBACK, 0, CollectorRegistry(), {})

    with pytest.raises(Unavailable, match=r"metrics: .* cannot be listened on .* metrics\.port"):
        serve_status(LOOPBACK, port, CollectorRegistry(), {})


def test_an_event_loop_that_hangs_is_noticed_from_outside() -> None:
    pulse = Pulse(patience_s=0.2)

    async def hang() -> str | None:
        beating = asyncio.create_task(pulse.beat())
        await asyncio.sleep(0)
        assert pulse.check() is None
        time.sleep(0.3)  # noqa: ASYNC251 - what must not happen
        said = pulse.check()
        beating.cancel()
        return said

    assert asyncio.run(hang()) == "the event loop has not turned for 0 s"

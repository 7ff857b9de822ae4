"""`lifecycle alerts` on a real Redis: who waits is found behind everybody who does not, whatever ids spell."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from stream_app.redis_alerts import AlertBook
from stream_app.redis_connection import connect
from tests.stream_app.redis_servers import server

pytestmark = pytest.mark.integration

CUSTOMERS = ("[/oldest]", "[red]older", "newest:heart:")


def raised(customer: str, minute: int) -> bytes:
    at = f"2026-03-01T12:{minute:02}:00Z"
    body = {
        "customer_id": customer, "lifecycle": "six-stage", "status": "raised", "version": 1, "stage": "service",
        "churn_risk": 0.9, "value_segment": "high", "event_time": at, "raised_at": at, "reasons": [],
    }  # fmt: skip
    return orjson.dumps(body)


async def write(url: str) -> None:
    """Alerts about all; only the oldest waits for somebody."""
    client = connect(url)
    try:
        book = AlertBook(client, "lifecycle:", ["six-stage"])
        await book.write([raised(customer, minute) for minute, customer in enumerate(CUSTOMERS)])
        for customer in CUSTOMERS[1:]:
            await book.acknowledge("six-stage", customer, "eve", "2026-03-01T13:00:00Z", "[/called]")
    finally:
        await client.aclose()


def test_who_waits_is_listed_and_ids_are_shown_as_they_are(tmp_path: Path) -> None:
    with server(tmp_path) as port:
        url = f"redis://127.0.0.1:{port}"
        asyncio.run(write(url))

        def said(*words: str) -> str:
            command = [sys.executable, "-m", "stream_app", "alerts", *words, "--redis", url]
            wide = {**os.environ, "COLUMNS": "200"}
            ended = subprocess.run(command, capture_output=True, text=True, check=False, env=wide)
            assert ended.returncode == 0, ended.stderr[-2000:]
            return ended.stdout

        waiting = orjson.loads(said("--waiting", "--limit", "1", "--json"))
        listed, shown = said(), said("show", CUSTOMERS[1])

    assert [alert["customer_id"] for alert in waiting] == [CUSTOMERS[0]]
    assert [line.split(" ")[0] for line in listed.splitlines()[1:]] == list(reversed(CUSTOMERS))
    assert CUSTOMERS[1] in shown
    assert "[/called]" in shown

"""A console on a store that a test has filled, answering on a real port."""

import asyncio
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import uvicorn

from stream_app.console.application import Application
from stream_app.console.context import Context
from stream_app.console.following import Progress
from stream_app.console.history import StageChanges
from stream_app.console.protection import Protection
from stream_app.console.sessions import Access
from stream_app.console.store import Store
from stream_app.console.vitals import Vitals
from stream_app.embedded.ports import choose_port
from stream_app.redis_connection import connect
from stream_app.scoring import load_lifecycles
from stream_app.settings import Settings, load_settings
from tests.stream_app.stage_changes import change

EVIL = '<img src=x onerror="document.title=1">&\'"</script><script>document.title=1</script>'
OPERATOR, READER = "o" * 20, "r" * 20


class Shown(NamedTuple):
    """Where the console answers, and what it shows."""

    address: str
    store: Store


def told(customer: str, version: int, stage: str, day: str, **more: Any) -> bytes:
    """A stage change of six-stage."""
    body = change(
        customer, version, stage, lifecycle="six-stage", event_time=f"{day}T00:00:00Z", revenue=100.0, **more
    )
    return orjson.dumps(body)


def erased(customer: str, version: int) -> bytes:
    """An erasure."""
    return orjson.dumps(
        {"customer_id": customer, "lifecycle": "six-stage", "version": version, "erased": True}
    )


def fill(store: Store, records: Sequence[bytes]) -> None:
    """Fold records in one transaction."""
    with store.writing() as connection:
        StageChanges({"six-stage": frozenset({"churn"})}).fold(connection, records)


def settings(directory: Path, **console: Any) -> Settings:
    """Settings with two tokens; nothing answers at their Kafka and Redis."""
    tokens = {"ada": {"token": OPERATOR, "role": "operator"}, "bob": {"token": READER, "role": "reader"}}
    return load_settings(
        environment={},
        data_dir=directory,
        redis="redis://127.0.0.1:1/0",
        kafka="127.0.0.1:1",
        console={"tokens": tokens, **console},
    )


@contextmanager
def shown(directory: Path, store: Store, **console: Any) -> Iterator[Shown]:
    """Serve until the block ends."""
    chosen = settings(directory, **console)
    lifecycles = {one.name: one for one in load_lifecycles(chosen.lifecycles)}
    redis, port, key = connect(chosen.redis), choose_port(), "k" * 32
    context = Context(
        chosen,
        lifecycles,
        store,
        Progress(reason=None),
        Vitals(chosen, redis, tuple(lifecycles), lambda: 0),
        redis,
    )
    app = Application(context, Access(chosen.console, key), key, lambda: 0)
    server = uvicorn.Server(uvicorn.Config(Protection(app.asgi), port=port, lifespan="off", log_config=None))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()))
    thread.start()
    try:
        while not server.started:
            threading.Event().wait(0.02)
        yield Shown(f"http://127.0.0.1:{port}", store)
    finally:
        server.should_exit = True
        thread.join()

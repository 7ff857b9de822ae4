"""A real HTTP server that records what it is asked and answers as it is told."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import orjson
from aiohttp import web

PATIENCE_S = 60.0


class Asked(NamedTuple):
    """A request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)


class Target:
    """The server; set `answer` to have it answer otherwise."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.answer: Callable[[Asked], tuple[int, dict[str, str], Any]] = lambda _: (200, {}, {})
        self.url = ""

    @property
    def ids(self) -> list[str]:
        return [one.headers["webhook-id"] for one in self.asked]

    async def handle(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        asked = Asked(request.method, request.raw_path, headers, await request.read())
        self.asked.append(asked)
        status, more, body = self.answer(asked)
        return web.Response(
            status=status,
            headers=more,
            body=body if isinstance(body, bytes) else orjson.dumps(body),
            content_type="application/json",
        )

    def until(self, count: int) -> list[Asked]:
        end = time.monotonic() + PATIENCE_S
        while len(self.asked) < count:
            assert time.monotonic() < end, f"{len(self.asked)} requests of {count}"
            time.sleep(0.02)
        return self.asked


@contextmanager
def target() -> Iterator[Target]:
    """A server in a thread of its own, for as long as the block."""
    made, loop, ready = Target(), asyncio.new_event_loop(), threading.Event()

    async def serve() -> web.AppRunner:
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", made.handle)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        return runner

    def work() -> None:
        runner = loop.run_until_complete(serve())
        ready.set()
        loop.run_forever()
        loop.run_until_complete(runner.cleanup())
        loop.close()

    thread = threading.Thread(target=work)
    thread.start()
    ready.wait()
    try:
        yield made
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()

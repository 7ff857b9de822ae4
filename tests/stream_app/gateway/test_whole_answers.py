"""Head and body of an answer leave together; what has no body, or is no answer yet, leaves at once."""

import asyncio
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from uvicorn.server import ServerState

from stream_app.gateway.whole_answers import WholeAnswersProtocol


class Wire(asyncio.Transport):
    """Keeps what is written, write by write."""

    def __init__(self) -> None:
        super().__init__({"sockname": ("127.0.0.1", 1), "peername": ("127.0.0.1", 2)})
        self.written: list[bytes] = []
        self.is_closed = False

    def write(self, data: Any) -> None:
        assert not self.is_closed
        self.written.append(bytes(data))

    def close(self) -> None:
        self.is_closed = True

    def is_closing(self) -> bool:
        return self.is_closed

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


async def echo(request: Request) -> Response:
    return Response(await request.body())


async def nothing(_request: Request) -> Response:
    return Response(status_code=204)


async def said_to(*pieces: bytes) -> Wire:
    """What a connection hears that sends these pieces."""
    routes = [Route("/", echo, methods=["GET", "POST"]), Route("/nothing", nothing)]
    config = uvicorn.Config(Starlette(routes=routes), lifespan="off", log_config=None)
    config.load()
    protocol, wire = WholeAnswersProtocol(config, ServerState(), {}), Wire()
    protocol.connection_made(wire)
    for piece in pieces:
        protocol.data_received(piece)
        for _ in range(20):
            await asyncio.sleep(0)
    protocol.connection_lost(None)
    return wire


@pytest.mark.parametrize(
    ("request_", "start", "end"),
    [
        (b"POST / HTTP/1.1\r\ncontent-length: 3\r\n\r\nabc", b"HTTP/1.1 200", b"\r\n\r\nabc"),
        (b"POST / HTTP/1.1\r\ncontent-length: 4\r\n\r\n\r\n\r\n", b"HTTP/1.1 200", b"\r\n\r\n\r\n\r\n"),
        (b"HEAD / HTTP/1.1\r\n\r\n", b"HTTP/1.1 200", b"\r\n\r\n"),
        (b"GET /nothing HTTP/1.1\r\n\r\n", b"HTTP/1.1 204", b"\r\n\r\n"),
        (b"GET /missing HTTP/1.1\r\nconnection: close\r\n\r\n", b"HTTP/1.1 404", b"Not Found"),
    ],
)
def test_an_answer_is_one_write(request_: bytes, start: bytes, end: bytes) -> None:
    wire = asyncio.run(said_to(request_))

    (written,) = wire.written
    assert written.startswith(start)
    assert written.endswith(end)


def test_requests_in_a_row_are_answered_in_order() -> None:
    requests = [b"POST / HTTP/1.1\r\ncontent-length: 1\r\n\r\n%d" % number for number in range(3)]
    wire = asyncio.run(said_to(b"".join(requests)))

    assert [each[-1:] for each in wire.written] == [b"0", b"1", b"2"]


def test_a_sender_that_asks_first_is_told_to_go_on() -> None:
    head = b"POST / HTTP/1.1\r\ncontent-length: 1\r\nexpect: 100-continue\r\n\r\n"
    asked, answered = asyncio.run(said_to(head)), asyncio.run(said_to(head, b"x"))

    assert [each.split()[1] for each in asked.written[:1]] == [b"100"]
    assert [each.split()[1] for each in answered.written] == [b"100", b"200"]


def test_nonsense_is_refused_and_the_connection_ends() -> None:
    wire = asyncio.run(said_to(b"\x16\x03\x01\r\n\r\n"))

    assert wire.written[0].startswith(b"HTTP/1.1 400")
    assert wire.is_closed

"""Hostile bodies and connections: an error each, bounded memory, and everybody else is served meanwhile."""

import gzip
import socket
import time
import zlib

import pytest

from tests.stream_app.gateway import signing
from tests.stream_app.gateway.doors import KEY, Door, track

pytestmark = pytest.mark.integration

MIB = 1024 * 1024
HEAD = b"POST /v1/batch?writeKey=wk-website HTTP/1.1\r\nHost: x\r\n"


def answer_to(door: Door, *pieces: bytes, pause_s: float = 0.0) -> bytes:
    """What comes back on a connection of its own until it is closed."""
    with socket.create_connection(("127.0.0.1", door.port), timeout=60) as connection:
        try:
            for piece in pieces:
                connection.sendall(piece)
                time.sleep(pause_s)
        except (BrokenPipeError, ConnectionResetError):
            pass  # it was told enough
        received = b""
        try:
            while piece := connection.recv(65536):
                received += piece
        except ConnectionResetError:
            pass
        return received


@pytest.mark.parametrize("length", ["announced", "chunked"])
def test_a_body_of_20_mb_is_refused_and_costs_little_memory(door: Door, length: str) -> None:
    before = door.resident()
    body = b"[" + b" " * (20 * MIB) + b"]"
    if length == "announced":
        status = door.post("/v1/batch", body).status_code
    else:
        chunk = b"%x\r\n%b\r\n" % (MIB, b" " * MIB)
        received = answer_to(
            door,
            HEAD + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n",
            *[chunk] * 20,
            b"0\r\n\r\n",
        )
        status = int(received.split()[1])

    assert status == 413
    assert door.resident() - before < 16 * MIB


def test_a_gzip_bomb_is_refused_and_costs_little_memory(door: Door) -> None:
    packer = zlib.compressobj(9, wbits=31)
    bomb = b"".join(packer.compress(b" " * MIB) for _ in range(800)) + packer.flush()
    before = door.resident()
    assert len(bomb) < 1_000_000

    answer = door.post("/v1/batch", bomb, **{"Content-Encoding": "gzip"})

    assert answer.status_code == 413
    assert door.resident() - before < 16 * MIB


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b'{"batch":', {}),
        (b'{"batch":' + b"[" * 100_000, {}),
        (b'{"batch":[' + b'{"a":' * 50_000 + b"1" + b"}" * 49_999 + b"]}", {}),
        (b'{"batch":[{"a":"\xff]}', {}),
        (b"", {}),
        (b"null", {}),
        (b'{"batch":7}', {}),
        (b"\x00" * 1000, {}),
        (gzip.compress(b"{}")[:-6], {"Content-Encoding": "gzip"}),
        (b"nonsense", {"Content-Encoding": "gzip"}),
        (gzip.compress(b'{"batch":[]}') + b"more", {"Content-Encoding": "gzip"}),
        (gzip.compress(b"") * 40_000, {"Content-Encoding": "gzip"}),
    ],
    ids=[
        "cut",
        "nested-lists",
        "nested-objects",
        "utf-8",
        "empty",
        "null",
        "number",
        "zeros",
        "cut-gzip",
        "no-gzip",
        "gzip-and-more",
        "gzip-members",
    ],
)
def test_a_body_that_cannot_be_read_is_refused_as_a_whole(
    door: Door, body: bytes, headers: dict[str, str]
) -> None:
    answer = door.post("/v1/batch", body, **headers)

    assert answer.status_code == 400
    assert set(answer.json()) == {"code", "message"}


def test_a_body_full_of_tiny_events_is_refused(door: Door) -> None:
    before = door.resident()

    assert door.post("/v1/batch", b"[" + b"1," * 400_000 + b"1]").status_code == 413
    assert door.resident() - before < 64 * MIB


@pytest.mark.parametrize(
    ("name", "frame"),
    [
        ("marketo", b"[%b]"),
        ("google-ads-cost", b"[%b]"),
        ("campaign-monitor", b'{"Events":[%b]}'),
        ("meta-leads", b'{"entry":[%b]}'),
    ],
)
def test_a_webhook_full_of_tiny_payloads_is_refused_and_costs_little_memory(
    door: Door, name: str, frame: bytes
) -> None:
    before = door.resident()
    body = frame % (b"1," * 400_000 + b"1")
    headers = signing.meta(body) if name == "meta-leads" else {}

    assert door.post(f"/v1/webhooks/{name}", body, **headers).status_code == 413
    assert door.resident() - before < 64 * MIB


def test_a_context_of_a_batch_multiplies_it_within_bounds_only(door: Door) -> None:
    def batch(size: int) -> dict[str, object]:
        events = [track(n, messageId=f"shared-{size}-{n}") for n in range(1000)]
        return {"batch": events, "context": {"note": "y" * size}}

    before = door.resident()
    usual, large = (door.post("/v1/batch", batch(size)).status_code for size in (1_500, 700_000))

    stored = [each for each in door.events() if str(each.get("messageId")).startswith("shared-")]
    assert (usual, large) == (200, 413)
    assert {len(each["context"]["note"]) for each in stored} == {1_500}
    assert len(stored) == 1000
    assert door.resident() - before < 64 * MIB


def test_gzip_members_that_together_are_too_large_are_refused(door: Door) -> None:
    body = gzip.compress(b" " * 600_000) * 2

    assert door.post("/v1/batch", body, **{"Content-Encoding": "gzip"}).status_code == 413


def test_an_unknown_compression_is_refused(door: Door) -> None:
    assert door.post("/v1/batch", b"{}", **{"Content-Encoding": "br"}).status_code == 415


def test_headers_without_end_are_refused_and_cost_little_memory(door: Door) -> None:
    before = door.resident()
    one_long = answer_to(door, HEAD + b"X: ", *[b"a" * 65536] * 64)
    many = answer_to(door, HEAD + b"".join(b"X-%d: y\r\n" % number for number in range(40_000)))

    assert one_long.split()[1] == many.split()[1] == b"431"
    assert door.resident() - before < 16 * MIB


def test_a_request_that_trickles_in_is_ended_and_others_are_served_meanwhile(door: Door) -> None:
    slow = [socket.create_connection(("127.0.0.1", door.port), timeout=60) for _ in range(50)]
    for connection in slow[:25]:
        connection.sendall(HEAD)
    for connection in slow[25:]:
        connection.sendall(HEAD + b"Content-Length: 1000\r\n\r\n{")
    served = door.post("/v1/batch", {"batch": [track(0, messageId="meanwhile")]})
    received = [connection.recv(4096) for connection in slow]
    for connection in slow:
        connection.close()

    assert served.status_code == 200
    assert {each.split()[1] for each in received} == {b"408"}


def test_a_connection_that_is_used_slowly_but_politely_is_kept(door: Door) -> None:
    body = b'{"batch":[]}'
    request = HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body
    with socket.create_connection(("127.0.0.1", door.port), timeout=60) as connection:
        for _ in range(3):
            connection.sendall(request)
            received = b""
            while not received.endswith(b"true}"):
                received += connection.recv(4096)
            assert received.startswith(b"HTTP/1.1 200")
            time.sleep(1.2)  # longer in all than one request may take


def test_nonsense_instead_of_http_is_refused(door: Door) -> None:
    assert answer_to(door, b"\x16\x03\x01" + b"\x00" * 500 + b"\r\n\r\n").startswith(b"HTTP/1.1 400")


def test_it_still_serves(door: Door) -> None:
    assert (
        door.post("/v1/batch", {"batch": [track(1, messageId="still")], "writeKey": KEY}).status_code == 200
    )

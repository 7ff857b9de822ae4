"""What was sent: the bytes of a body, bounded before and after decompression.

`Content-Type` says nothing reliable: SDKs label gzipped JSON as a form, and beacons as plain text.
"""

import zlib
from typing import Final

from starlette.requests import Request

from stream_app.gateway.allowance import Share
from stream_app.gateway.answers import Refused
from stream_app.gateway.headers import header

_GZIP_MAGIC: Final = b"\x1f\x8b"
_PLAIN: Final = ("", "identity")
_MOST_MEMBERS: Final = 100
"""Of a gzipped body. For each the rest of the body is copied: hundreds of thousands of empty ones would take minutes."""
_PACKED: Final = ("gzip", "x-gzip", "deflate")


async def read_body(request: Request, largest: int, share: Share) -> bytes:
    """The body of a request, decompressed.

    Args:
        request: Its body has not been read.
        largest: Bytes accepted, before and after decompression.
        share: Where the memory is taken from.

    Raises:
        Refused: 413 for too large a body, 400 for one that cannot be decompressed, 415 for an unknown compression.
    """
    announced = header(request.scope, b"content-length")
    if announced.isdecimal() and int(announced) > largest:
        raise _too_large(largest)
    chunks, size = [], 0
    is_whole = False
    while not is_whole:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise Refused(400, "disconnected", "The body ended before it was complete.")
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > largest:
            raise _too_large(largest)
        share.take(len(chunk))
        chunks.append(chunk)
        is_whole = not message.get("more_body", False)
    body = chunks[0] if len(chunks) == 1 else b"".join(chunks)
    encoding = header(request.scope, b"content-encoding").strip().lower()
    if encoding in _PACKED or body.startswith(_GZIP_MAGIC):
        body = _unpacked(body, largest)
        share.take(len(body))
    elif encoding not in _PLAIN:
        raise Refused(415, "unsupported_encoding", "Compress bodies with gzip, or not at all.")
    return body


def _unpacked(packed: bytes, largest: int) -> bytes:
    """Decompress all members (RFC 1952, 2.2), but never more than is accepted."""
    pieces, size, rest = [], 0, packed
    for _ in range(_MOST_MEMBERS):
        inflater = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)  # gzip and zlib, by their headers
        try:
            piece = inflater.decompress(rest, largest + 1 - size)
        except zlib.error as error:
            raise Refused(400, "invalid_gzip", f"The body cannot be decompressed: {error}.") from None
        size += len(piece)
        if size > largest:
            raise _too_large(largest)
        if not inflater.eof:
            raise Refused(400, "invalid_gzip", "The compressed body is cut off.")
        pieces.append(piece)
        rest = inflater.unused_data
        if not rest:
            return pieces[0] if len(pieces) == 1 else b"".join(pieces)
    raise Refused(400, "invalid_gzip", f"The compressed body has more than {_MOST_MEMBERS} members.")


def _too_large(largest: int) -> Refused:
    return Refused(
        413, "too_large", f"The body is larger than the {largest:,} bytes accepted; send smaller batches."
    )

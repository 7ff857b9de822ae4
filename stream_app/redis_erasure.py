"""Removing one customer from the stream of stage changes."""

from typing import Any

import orjson

from stream_app.redis_connection import AsyncRedis

__all__ = ["entries_of", "scrub"]

PAGE = 1000


async def entries_of(client: AsyncRedis, stream: str, customer: str) -> list[tuple[bytes, dict[str, Any]]]:
    """Every entry of *customer* in *stream*, oldest first, with its id.

    Reads the whole stream, page by page: erasures and questions about one customer are rare.
    """
    found: list[tuple[bytes, dict[str, Any]]] = []
    start = b"-"
    hint = orjson.dumps(customer)
    while True:
        page: Any = await client.xrange(stream, min=start, count=PAGE)
        for entry, fields in page:
            payload: bytes = fields[b"payload"]
            if hint in payload or b"\\u" in payload:  # escapes may hide the id from the quick look
                body = orjson.loads(payload)
                if body["customer_id"] == customer:
                    found.append((entry, body))
        if len(page) < PAGE:
            return found
        start = b"(" + page[-1][0]


async def scrub(client: AsyncRedis, stream: str, customer: str, version: int) -> int:
    """Deletes the customer's entries up to *version*; later ones belong to one who came back.

    Returns:
        How many entries went.
    """
    found = await entries_of(client, stream, customer)
    entries = [entry for entry, body in found if body["version"] <= version]
    for at in range(0, len(entries), PAGE):
        await client.xdel(stream, *entries[at : at + PAGE])
    return len(entries)

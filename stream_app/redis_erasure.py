"""Removing customers from the stream of stage changes."""

from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any

import msgspec

from stream_app.redis_connection import AsyncRedis
from stream_app.redis_records import Change

__all__ = ["entries_of", "erased_by", "scrub"]

PAGE = 1000


class _Told(msgspec.Struct, gc=False):
    """Who an entry is about, and which of its changes it is."""

    customer_id: str
    version: int


_read = msgspec.json.Decoder(_Told).decode


async def _pages(client: AsyncRedis, stream: str) -> AsyncIterator[list[tuple[bytes, _Told]]]:
    """The whole stream, oldest first. Each page is a request with a time limit of its own, however long the stream is."""
    start = b"-"
    while True:
        page: Any = await client.xrange(stream, min=start, count=PAGE)
        yield [(entry, _read(fields[b"payload"])) for entry, fields in page]
        if len(page) < PAGE:
            return
        start = b"(" + page[-1][0]


async def entries_of(client: AsyncRedis, stream: str, customer: str) -> list[bytes]:
    """The ids of every entry of *customer* in *stream*, oldest first.

    Reads the whole stream: questions about one customer are rare.
    """
    pages = _pages(client, stream)
    return [entry async for page in pages for entry, told in page if told.customer_id == customer]


def erased_by(erasures: Iterable[Change]) -> dict[str, int]:
    """Whose entries are to go, and up to which version.

    A merged id's entries stay: what was published under it stays published.

    Examples:
        >>> def erasure(version: int, alias: str) -> Change:
        ...     return Change(7, "e", "c1", version, "", None, False, (), [], b"", alias)
        >>> erased_by([erasure(3, ""), erasure(2, "")]), erased_by([erasure(3, "c2")])
        ({'c1': 3}, {})
    """
    erased: dict[str, int] = {}
    for erasure in erasures:
        if not erasure.alias:
            erased[erasure.customer] = max(erasure.version, erased.get(erasure.customer, 0))
    return erased


async def scrub(client: AsyncRedis, stream: str, erased: Mapping[str, int]) -> int:
    """Deletes the entries of customers up to a version each; later ones belong to one who came back.

    Reads the whole stream once, however many they are, and not at all for nobody.

    Returns:
        How many entries went.
    """
    gone = 0
    if not erased:
        return gone
    async for page in _pages(client, stream):
        entries = [entry for entry, told in page if told.version <= erased.get(told.customer_id, -1)]
        if entries:
            gone += len(entries)
            await client.xdel(stream, *entries)
    return gone

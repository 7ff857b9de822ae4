"""Alerts in Redis: what stands is what the newest version says, however often and late records come."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stream_app.errors import Unavailable
from stream_app.redis_alerts import AlertBook
from stream_app.redis_connection import connect
from tests.stream_app.redis_servers import cluster, server

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module", params=["server", "cluster"])
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    directory = tmp_path_factory.mktemp("redis")
    if request.param == "cluster":
        with cluster(directory) as address:
            yield address
    else:
        with server(directory) as port:
            yield f"redis://127.0.0.1:{port}"


def alert(customer: str, version: int, status: str = "raised", **more: Any) -> bytes:
    at = f"2026-03-01T12:00:{version:02}Z"
    body = {
        "customer_id": customer, "lifecycle": "retail", "status": status, "version": version,
        "stage": "customer", "churn_risk": 0.9, "event_time": at, "raised_at": at, **more,
    }  # fmt: skip
    return orjson.dumps(body)


def with_book(url: str, story: Callable[[AlertBook], Awaitable[Any]]) -> Any:
    async def tell() -> Any:
        client: Any = connect(url)
        try:
            options = {"target_nodes": client.PRIMARIES} if hasattr(client, "PRIMARIES") else {}
            await client.flushall(**options)
            return await story(AlertBook(client, "lifecycle:", ["retail", "saas"]))
        finally:
            await client.aclose()

    return asyncio.run(tell())


async def standing(book: AlertBook) -> list[tuple[str, int]]:
    return [
        (each.fields["customer_id"], each.fields["version"]) for each in await book.standing("retail", 100)
    ]


def test_what_stands_is_listed_newest_first_by_lifecycle(url: str) -> None:
    async def story(book: AlertBook) -> None:
        saas = orjson.dumps({**orjson.loads(alert("c1", 9)), "lifecycle": "saas"})
        await book.write(
            [
                alert("c1", 1),
                alert("c2", 2),
                saas,
                None,
                b"not json",
                alert("c3", 3),
                alert("c1", 4, "resolved"),
            ]
        )
        assert await standing(book) == [("c3", 3), ("c2", 2)]
        assert [each.fields["version"] for each in await book.standing("saas", 10)] == [9]
        found = await book.find("retail", "c1")
        assert found is not None
        assert found.fields["status"] == "resolved"

    with_book(url, story)


def test_an_acknowledgement_lasts_as_long_as_the_alert(url: str) -> None:
    async def story(book: AlertBook) -> None:
        await book.write([alert("c1", 1)])
        assert await book.acknowledge("retail", "c1", "eve", "now", "calls")
        assert not await book.acknowledge("retail", "nobody", "eve", "now", "")
        again = alert("c1", 2, raised_at="2026-03-01T12:00:01Z")  # the same alert, told anew by a republish
        await book.write([alert("c1", 1), again])
        (one,) = await book.standing("retail", 10)
        assert one.acknowledged == {"by": "eve", "at": "now", "note": "calls"}
        await book.write([alert("c1", 3, "resolved"), alert("c1", 4)])
        (one,) = await book.standing("retail", 10)
        assert one.acknowledged is None

    with_book(url, story)


def test_an_erased_customer_leaves_nothing(url: str) -> None:
    async def story(book: AlertBook) -> None:
        await book.write([alert("c1", 1), alert("c2", 1)])
        await book.acknowledge("retail", "c1", "eve", "now", "")
        await book.write([alert("c1", 2, "erased")])
        assert await standing(book) == [("c2", 1)]
        assert await book.find("retail", "c1") is None

    with_book(url, story)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    statuses=st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(["raised", "resolved"])), max_size=8),
    data=st.data(),
)
def test_records_that_come_again_change_nothing(
    url: str, statuses: list[tuple[str, str]], data: st.DataObject
) -> None:
    log = [alert(customer, at, status) for at, (customer, status) in enumerate(statuses)]
    again = data.draw(st.integers(0, len(log)))
    last = {customer: (status, at) for at, (customer, status) in enumerate(statuses)}
    wanted = sorted(
        ((c, at) for c, (status, at) in last.items() if status == "raised"), key=lambda each: -each[1]
    )

    async def story(book: AlertBook) -> None:
        await book.write(log)
        await book.write(log[again:])
        assert await standing(book) == wanted

    with_book(url, story)


def test_a_redis_that_is_away_is_said_so() -> None:
    async def ask() -> None:
        client = connect("redis://127.0.0.1:1")
        try:
            await AlertBook(client, "lifecycle:", ["retail"]).write([alert("c1", 1)])
        finally:
            await client.aclose()

    with pytest.raises(Unavailable, match="churn alerts are not taken"):
        asyncio.run(ask())

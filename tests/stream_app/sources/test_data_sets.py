"""The readers, on the data sets themselves: counts that anybody can recount with other tools."""

from collections import Counter
from pathlib import Path
from typing import Any

import orjson
import pytest

from state.events import Bounds, decode
from state.instants import format_instant
from stream_app.sources import Columns, Record, Source
from tests.stream_app.datasets import BUNDLED, EXCERPTS, KINDS, NOW, dataset, opened


def messages(records: list[Record]) -> list[dict[str, Any]]:
    return [orjson.loads(record.value) for record in records]


def checked(source: Source) -> list[Record]:
    """Read the source; whatever the set, these laws hold."""
    records = list(source.records)
    assert [record.at for record in records] == sorted(record.at for record in records)
    ids = {message["messageId"] for message in messages(records)}
    assert len(ids) == len(records)
    for record in records[:: max(1, len(records) // 500)]:
        event = decode(record.value, None, KINDS, Bounds(), NOW)
        assert (event.customer, event.at, event.kind.topic) == (record.customer, record.at, record.topic)
    return records


def test_online_retail_has_every_order_and_return_of_the_bundled_file() -> None:
    records = checked(opened(BUNDLED, "online-retail"))
    events = Counter(message["event"] for message in messages(records))

    assert events == {"Order Completed": 36_857, "Order Refunded": 7_894}
    assert len({record.customer for record in records}) == 5_942
    assert {record.topic for record in records} == {"purchases"}
    assert format_instant(records[0].at) == "2009-12-01T07:45:00Z"
    assert format_instant(records[-1].at) == "2011-12-09T12:50:00Z"


def test_online_retail_pays_returns_back_as_positive_amounts() -> None:
    rows = messages(list(opened(BUNDLED, "online-retail").records))
    paid = sum(row["properties"]["revenue"] for row in rows if row["event"] == "Order Completed")
    returned = sum(row["properties"]["total"] for row in rows if row["event"] == "Order Refunded")

    assert paid == pytest.approx(17_431_533.16, abs=0.01)
    assert returned == pytest.approx(1087882.14, abs=0.01)


def test_the_excerpt_is_the_beginning_of_the_bundled_file() -> None:
    excerpt = list(opened(EXCERPTS / "online_retail_ii_first_400.csv", "online-retail").records)

    assert len(excerpt) == 400
    assert excerpt == list(opened(BUNDLED, "online-retail").records)[:400]


def test_cdnow_keeps_purchases_of_one_day_apart() -> None:
    records = checked(opened(dataset("cdnow/CDNOW_master.txt.gz"), "cdnow"))
    days = Counter((record.customer, record.at) for record in records)

    assert len(records) == 69_659
    assert len({record.customer for record in records}) == 23_570
    assert max(days.values()) > 1
    assert all(record.at % 86_400_000_000 == 0 for record in records)
    assert messages(records[:1])[0]["properties"] == {
        "order_id": "cdnow-1",
        "revenue": 11.77,
        "currency": "USD",
        "quantity": 1,
    }


def test_taobao_drops_the_stray_rows_and_counts_them() -> None:
    source = opened(dataset("taobao_userbehavior/UserBehavior_first_983_users.csv.gz"), "taobao")
    records = checked(source)

    assert len(records) == 100_001 - 44
    assert sum(source.reading.dropped.values()) == 44
    assert len({record.customer for record in records}) == 983


def test_rees46_reads_even_the_row_at_which_the_sample_was_cut() -> None:
    records = checked(opened(dataset("rees46_sample/2019-Oct_head.csv.gz"), "rees46"))
    events = Counter(message["event"] for message in messages(records))

    assert events == {"Product Viewed": 17_056, "Product Added": 165, "Order Completed": 214}
    assert len({record.customer for record in records}) == 4_505


def test_starbucks_is_marked_as_simulated_by_its_publisher() -> None:
    source = opened(dataset("starbucks/transcript.json.xz"), "starbucks")
    records = checked(source)

    assert len(records) == 306_534
    assert source.notice == "simulated by its publisher"
    assert all(b'"context":{"simulated":true}' in record.value for record in records)
    offers = {message["properties"].get("campaign_id") for message in messages(records[:50_000])}
    assert len(offers) == 10 + 1  # ten offers under either spelling, and none for a transaction


def test_retailrocket_is_read_as_published() -> None:
    records = checked(opened(EXCERPTS / "retailrocket_handmade.csv", "retailrocket"))

    assert Counter(message["event"] for message in messages(records)) == {
        "Product Viewed": 2,
        "Product Added": 1,
        "Order Completed": 2,
    }
    assert {record.topic for record in records} == {"clickstream", "purchases"}


def test_a_csv_is_read_by_its_mapping() -> None:
    mapping = Columns(
        {"customer": "user_id", "timestamp": "timestamp", "event": "event", "channel": "acquisition_channel"},
        renames={"purchase": "Order Completed", "product_view": "Product Viewed"},
    )
    records = checked(opened(EXCERPTS / "retentioneering_first_200.csv", "csv", columns=mapping))

    assert len(records) == 200
    first = next(row for row in messages(records) if row["messageId"] == "retentioneering_first_200-1")
    assert first["properties"] == {"channel": "email"}
    assert first["timestamp"] == "2024-03-13T10:21:14Z"
    assert {record.topic for record in records} == {"clickstream", "purchases"}


def test_arrival_order_keeps_the_file(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_text("who,when,amount\nb,2020-01-02,2\na,2020-01-01,1.5\n")
    mapping = Columns({"customer": "who", "timestamp": "when", "revenue": "amount"}, event="Order Completed")

    arrived = [record.customer for record in opened(path, "csv", columns=mapping, order="arrival").records]
    sorted_ = [record.customer for record in opened(path, "csv", columns=mapping).records]

    assert (arrived, sorted_) == (["b", "a"], ["a", "b"])

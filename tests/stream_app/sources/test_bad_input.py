"""What becomes of sources that are not what they should be: nothing is lost silently."""

import codecs
import gzip
from pathlib import Path

import orjson
import pytest

from stream_app.errors import Misconfigured
from stream_app.sources import Columns, Record, SourceUnreadable
from stream_app.sources.times import parse_time
from tests.stream_app.datasets import EXCERPTS, opened


def line(message_id: str, at: str, **more: object) -> bytes:
    event = {"type": "track", "event": "Order Completed", "messageId": message_id, "userId": "c1"}
    return orjson.dumps(event | {"timestamp": at} | more)


def read(tmp_path: Path, *lines: bytes, name: str = "events.jsonl") -> list[Record]:
    path = tmp_path / name
    path.write_bytes(b"\n".join(lines) + b"\n")
    return list(opened(path, "events").records)


def test_lines_are_passed_on_byte_for_byte(tmp_path: Path) -> None:
    odd = b'  {"userId" : "c1","type":"track", "event":"Order Completed","messageId":"m1",'
    odd += b'"timestamp":1577836800000}'

    assert read(tmp_path, odd) == [Record(1_577_836_800_000_000, "purchases", "c1", odd)]


def test_a_mark_of_the_byte_order_costs_no_event(tmp_path: Path) -> None:
    first = line("m1", "2020-01-01T00:00:00Z")
    assert [record.value for record in read(tmp_path, codecs.BOM_UTF8 + first, first)] == [first, first]


def test_a_bad_line_stays_behind_the_line_before_it(tmp_path: Path) -> None:
    early, late = line("m1", "2020-01-01T00:00:00Z"), line("m2", "2020-01-03T00:00:00Z")
    bad = b"{broken"

    assert [record.value for record in read(tmp_path, late, bad, early)] == [early, late, bad]


@pytest.mark.parametrize("at", ["2099-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "yesterday"])
def test_an_unbelievable_time_moves_no_time_but_keeps_customer_and_topic(tmp_path: Path, at: str) -> None:
    good, bad = line("m1", "2020-01-01T00:00:00Z"), line("m2", at)
    records = read(tmp_path, good, bad)

    assert [record.at for record in records] == [records[0].at] * 2
    assert records[1] == Record(records[0].at, "purchases", "c1", bad)


def test_the_rejected_lines_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"null\n[]\n\n\xff\xfe\n" + line("m1", "2020-01-01T00:00:00Z"))
    source = opened(path, "events")

    assert len(list(source.records)) == 4
    assert source.reading.malformed == 3


def test_a_cloud_event_in_a_line_goes_to_the_topic_of_its_kind(tmp_path: Path) -> None:
    inner = {"userId": "c1", "order_id": "o1", "total": 5}
    cloud = orjson.dumps(
        {
            "specversion": "1.0",
            "id": "e1",
            "source": "/shop",
            "type": "com.example.order.completed",
            "time": "2020-01-01T00:00:00Z",
            "data": inner,
        }
    )

    assert [record.topic for record in read(tmp_path, cloud)] == ["purchases"]


def test_a_missing_file_is_named() -> None:
    with pytest.raises(SourceUnreadable, match=r"nowhere\.csv: cannot be read"):
        list(opened(Path("nowhere.csv"), "taobao").records)


def test_a_folder_is_no_source(tmp_path: Path) -> None:
    with pytest.raises(SourceUnreadable, match="is a folder"):
        list(opened(tmp_path, "taobao").records)


def test_a_file_that_was_cut_off_is_named_with_the_line(tmp_path: Path) -> None:
    path = tmp_path / "cut.jsonl.gz"
    whole = gzip.compress(b"".join(line(f"m{n}", "2020-01-01T00:00:00Z") + b"\n" for n in range(500)))
    path.write_bytes(whole[: len(whole) // 2])

    with pytest.raises(SourceUnreadable, match=r"cut off after line \d+"):
        list(opened(path, "events").records)


@pytest.mark.parametrize("form", ["cdnow", "online-retail", "rees46", "taobao", "starbucks"])
def test_the_wrong_format_is_refused_at_once(form: str) -> None:
    with pytest.raises(SourceUnreadable, match="check --format"):
        list(opened(EXCERPTS / "retailrocket_handmade.csv", form).records)


def test_a_broken_row_in_the_middle_is_passed_on_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "behaviour.csv"
    path.write_text("1,2,3,pv,1511600000\n1,2,3,pv,soon\n1,2,3,buy,1511600001\n")
    source = opened(path, "taobao")
    records = list(source.records)

    assert [record.value for record in records][1] == b"1,2,3,pv,soon"
    assert (records[1].customer, source.reading.malformed, len(records)) == ("", 1, 3)


@pytest.mark.parametrize(
    "bad", ["2099-01-01,c1,5", "1901-01-01,c1,5", "2020-01-05,,5", "2020-01-05,c1,-5", "soon,c1,5"]
)
def test_a_row_that_the_worker_rejects_moves_no_time(tmp_path: Path, bad: str) -> None:
    path = tmp_path / "orders.csv"
    path.write_text(f"when,who,paid\n2020-01-01,c1,5\n{bad}\n2020-01-03,c1,5\n")
    mapping = Columns({"customer": "who", "timestamp": "when", "revenue": "paid"}, "Order Completed")
    source = opened(path, "csv", columns=mapping)
    days = [(record.at - parse_time("2020-01-01")) // 86_400_000_000 for record in source.records]

    assert (days, source.reading.malformed) == ([0, 0, 2], 1)


def test_an_unknown_format_is_a_wrong_usage() -> None:
    with pytest.raises(Misconfigured, match="use one of events, cdnow"):
        opened(Path("x"), "parquet")


def test_csv_needs_a_mapping_and_nothing_else_takes_one() -> None:
    mapping = Columns({"customer": "a", "timestamp": "b", "event": "c"})
    with pytest.raises(Misconfigured, match="--column"):
        opened(Path("x"), "csv")
    with pytest.raises(Misconfigured, match="--column"):
        opened(Path("x"), "taobao", columns=mapping)


def test_a_topic_map_wins_by_event_name(tmp_path: Path) -> None:
    chosen = tmp_path / "topics.toml"
    chosen.write_text('"Product Viewed" = "ads"\n')
    source = opened(EXCERPTS / "retailrocket_handmade.csv", "retailrocket", topic_map=chosen)

    assert {record.topic for record in source.records} == {"ads", "clickstream", "purchases"}


def test_a_topic_map_names_real_topics(tmp_path: Path) -> None:
    chosen = tmp_path / "topics.toml"
    chosen.write_text('"Product Viewed" = "views"\n')

    with pytest.raises(Misconfigured, match="'views' is no source topic"):
        opened(Path("x"), "taobao", topic_map=chosen)

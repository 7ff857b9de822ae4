"""What every table store does, in memory and on disk."""

from collections.abc import Callable
from pathlib import Path

import pytest
from aiokafka import TopicPartition
from structlog.testing import capture_logs

from stream_app.worker.changelog import _start, absorb
from stream_app.worker.rocks_store import RocksStore, table_options
from stream_app.worker.stores import MemoryStore, TableStore
from tests.stream_app.worker.changelogs import Log, Logged, fold

Make = Callable[[], TableStore]


@pytest.fixture(params=["memory", "rocksdb"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    """Makes a store of each kind."""
    if request.param == "memory":
        return MemoryStore
    return lambda: RocksStore(tmp_path / "table" / "0", table_options())


@pytest.fixture
def store(make: Make) -> TableStore:
    return make()


def test_a_new_store_agrees_with_the_beginning(store: TableStore) -> None:
    assert (store.position, store.epoch, list(store.items())) == (0, 0, [])
    assert store.get(b"ann") is None


def test_a_value_is_read_as_soon_as_it_is_put(store: TableStore) -> None:
    store.put(b"ann", b"1")

    assert store.get(b"ann") == b"1"
    assert dict(store.items()) == {b"ann": b"1"}
    assert store.position == 0


def test_an_acknowledgement_moves_the_position_and_no_value(store: TableStore) -> None:
    store.put(b"ann", b"1")
    store.acknowledge({b"ann": b"1"}, 7)

    assert store.get(b"ann") == b"1"
    assert store.position == 7


def test_a_late_acknowledgement_does_not_undo_a_newer_value(store: TableStore) -> None:
    first, second = {b"ann": b"1", b"bob": b"1"}, {b"ann": b"2"}
    for run in (first, second):
        for key, value in run.items():
            store.put(key, value)

    store.acknowledge(first, 2)
    assert dict(store.items()) == {b"ann": b"2", b"bob": b"1"}
    assert store.get(b"ann") == b"2"
    store.acknowledge(second, 3)
    assert dict(store.items()) == {b"ann": b"2", b"bob": b"1"}


def test_empty_values_and_keys_of_any_bytes_are_kept(store: TableStore) -> None:
    values = {b"": b"", b"\x00": b"\xff", b"\xff\xffmeta": b"{}", "zoë".encode(): bytes(range(256))}
    for key, value in values.items():
        store.put(key, value)
    store.acknowledge(values, len(values))

    assert dict(store.items()) == values
    assert {key: store.get(key) for key in values} == values


def test_items_are_those_of_the_moment_of_the_question(store: TableStore) -> None:
    store.put(b"ann", b"1")
    store.acknowledge({b"ann": b"1"}, 1)
    store.put(b"bob", b"1")
    asked = store.items()
    store.put(b"cyd", b"1")
    store.put(b"ann", b"2")
    store.acknowledge({b"bob": b"1", b"ann": b"2", b"cyd": b"1"}, 4)

    assert dict(asked) == {b"ann": b"1", b"bob": b"1"}


def test_a_cleared_store_is_a_new_one(store: TableStore) -> None:
    store.epoch = 3
    store.put(b"ann", b"1")
    store.acknowledge({b"ann": b"1"}, 9)
    store.put(b"bob", b"1")
    store.clear()

    assert (store.position, store.epoch, list(store.items())) == (0, 0, [])
    store.put(b"ann", b"2")
    store.acknowledge({b"ann": b"2"}, 1)
    assert dict(store.items()) == {b"ann": b"2"}


@pytest.mark.parametrize("cut", [1, 2, 100])
def test_recovery_ends_at_the_end_of_the_changelog(store: TableStore, cut: int) -> None:
    log = Log()
    log.announce(1)
    log.append(1, {b"ann": b"1", b"bob": b"1"})
    log.append(1, {b"ann": b"2"})
    log.announce(2)
    log.append(2, {b"cyd": b"1"})
    log.append(1, {b"ann": b"of a former owner"})
    log.recover(store, cut)

    assert dict(store.items()) == fold(log.records) == {b"ann": b"2", b"bob": b"1", b"cyd": b"1"}
    assert (store.position, store.epoch) == (log.end, 2)


def test_records_without_a_value_or_an_epoch_are_passed_over(store: TableStore) -> None:
    records = [Logged(0, b"ann", None), Logged(1, b"bob", b"\x00"), Logged(5, b"cyd", b"\x00\x00\x00\x01x")]

    assert absorb(store, records) == 0
    assert dict(store.items()) == {b"cyd": b"x"}
    assert store.position == 6


@pytest.mark.parametrize(("begin", "end"), [(0, 8), (10, 20)], ids=["recreated", "deleted"])
def test_a_position_that_the_changelog_does_not_have_begins_anew(
    store: TableStore, begin: int, end: int
) -> None:
    store.epoch = 4
    store.put(b"ann", b"1")
    store.acknowledge({b"ann": b"1"}, 9)
    with capture_logs() as logs:
        start = _start(TopicPartition("changelog", 3), store, begin, end)

    assert (start, store.position, store.epoch, list(store.items())) == (begin, begin, 0, [])
    assert [(line["log_level"], line["partition"], line["position"]) for line in logs] == [("warning", 3, 9)]


@pytest.mark.parametrize(("begin", "end"), [(0, 9), (9, 9), (3, 20)])
def test_a_position_within_the_changelog_is_read_on_from(store: TableStore, begin: int, end: int) -> None:
    store.put(b"ann", b"1")
    store.acknowledge({b"ann": b"1"}, 9)
    with capture_logs() as logs:
        assert _start(TopicPartition("changelog", 3), store, begin, end) == 9

    assert dict(store.items()) == {b"ann": b"1"}
    assert not logs


def test_a_new_store_reads_from_where_the_changelog_begins(store: TableStore) -> None:
    with capture_logs() as logs:
        assert _start(TopicPartition("changelog", 3), store, 7, 9) == 7
    assert not logs

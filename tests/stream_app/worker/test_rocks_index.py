"""What a table on disk knows without reading its profiles is what reading them would give."""

from collections import Counter, deque
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from state import DAY, FAR, Profile, Standing, StateError, Survey, encode_profile, survey
from stream_app.engine import PartitionEngine
from stream_app.profile_store import OWN
from stream_app.takeover import whole
from stream_app.worker.due_window import DueWindow
from stream_app.worker.rocks_store import RocksStore, table_options
from tests.properties.histories import cuts, histories
from tests.stream_app.partitions import RETAIL, VISITS, Partition, Table, arrived, scoring

OPTIONS = table_options()
KEYS = st.sampled_from([b"ann", b"bob", b"cyd", b"dan"])
INSTANTS = st.integers(1, 60) | st.just(FAR)
PROFILES = st.builds(
    Profile,
    due=INSTANTS,
    written_under=st.sampled_from([1, 2]),
    standings=st.lists(st.builds(Standing, stage=st.integers(-1, 2)), max_size=2),
    outbox=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9), st.just(0), st.just(b"{}")), max_size=2),
).map(encode_profile)
RUNS = st.lists(
    st.tuples(st.dictionaries(KEYS, PROFILES, min_size=1), st.booleans()), min_size=1, max_size=12
)
COMMITTED = st.dictionaries(st.integers(0, 3), st.integers(0, 9))


def told(found: Survey) -> tuple[dict[object, int], list[tuple[int, bytes]], dict[bytes, bytes]]:
    return dict(found.groups()), list(found.timers.pop_until(FAR - 1)), dict(found.owing)


@settings(max_examples=25, deadline=None)
@given(RUNS, COMMITTED)
def test_the_index_says_what_all_profiles_say_whenever_the_process_dies(
    runs: list[tuple[dict[bytes, bytes], bool]], committed: dict[int, int]
) -> None:
    with TemporaryDirectory() as directory:
        path = Path(directory, "0")
        store = RocksStore(path, OPTIONS)
        for position, (values, dies) in enumerate(runs, 1):
            for key, value in values.items():
                store.put(key, value)
            store.acknowledge(values, position)
            if dies:
                store.close()
                store = RocksStore(path, OPTIONS)
        known = {key: value for key, value in store.items() if key[:1] != OWN}
        assert told(whole(store.survey(committed))) == told(whole(survey(known.items(), committed)))
        store.close()


MOVES = st.lists(
    st.tuples(KEYS, INSTANTS) | st.just("acknowledged") | st.integers(0, 60), min_size=1, max_size=40
)


@settings(max_examples=60, deadline=None)
@given(MOVES, st.integers(2, 4))
def test_a_window_on_the_index_passes_everybody_in_order(
    moves: list[tuple[bytes, int] | str | int], most: int
) -> None:
    """Some of what the table holds has not been acknowledged, and hardly anybody fits into the window."""
    with TemporaryDirectory() as directory:
        store = RocksStore(Path(directory, "0"), OPTIONS)
        window = DueWindow(store._due, most)
        table: dict[bytes, int] = {}
        waiting: deque[dict[bytes, bytes]] = deque()

        def put(key: bytes, due: int) -> None:
            value = encode_profile(Profile(due=due))
            store.put(key, value)
            waiting.append({key: value})
            window.schedule(key, due)
            table[key] = due
            assert len(window) <= most

        for move in moves:
            if isinstance(move, tuple):
                put(*move)
            elif isinstance(move, int):
                expected = sorted((due, key) for key, due in table.items() if due <= move)
                assert list(window.pop_until(move)) == expected
                for due, key in expected:
                    put(key, due + 61)
            elif waiting:
                store.acknowledge(waiting.popleft(), store.position + 1)
            assert window.next_due() == min(table.values(), default=FAR)
        store.close()


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_an_engine_takes_over_from_disk_what_it_takes_over_from_memory(data: st.DataObject) -> None:
    history = data.draw(histories(most=12))
    log = arrived(history)
    partition = Partition(scoring(RETAIL, VISITS))
    for run in data.draw(cuts(len(log))):
        partition.fold(log[run])
    if data.draw(st.booleans()):
        partition.tick(log[-1].at + data.draw(st.sampled_from([9 * DAY, 100 * DAY])))
    stored = partition.table.log[: data.draw(st.integers(1, len(partition.table.log)))]
    committed = data.draw(st.dictionaries(st.integers(0, 6), st.integers(0, 5)))
    meta = (b"\xff\xffmeta", partition.engine.meta())
    with TemporaryDirectory() as directory:
        disk = RocksStore(Path(directory, "0"), OPTIONS)
        for position, (key, value) in enumerate([meta, *stored]):
            disk.put(key, value)
            disk.acknowledge({key: value}, position)
        memory = Table(dict([meta, *stored]))
        found = []
        for store in (disk, memory):
            engine = PartitionEngine(scoring(RETAIL, VISITS), store, "event")
            undelivered, _ = engine.recover(committed)
            found.append(
                (
                    sorted((output.key, output.kind, output.payload) for output in undelivered),
                    +engine.population,
                    engine.time,
                    list(engine.shelf.timers.pop_until(FAR - 1)),
                )
            )
        assert found[0] == found[1]
        disk.close()


def test_a_group_that_everybody_has_left_is_counted_no_more(tmp_path: Path) -> None:
    store = RocksStore(tmp_path / "0", OPTIONS)
    for position, stage in enumerate((0, 1), 1):
        value = encode_profile(Profile(standings=[Standing(stage=stage)]))
        store.put(b"ann", value)
        store.acknowledge({b"ann": value}, position)
    (counted,) = whole(store.survey({})).groups()
    assert (counted[0].stages, counted[1]) == ((1,), 1)


def test_a_start_reads_of_the_profiles_only_those_who_are_owed(tmp_path: Path) -> None:
    store = RocksStore(tmp_path / "0", OPTIONS)
    values = {
        b"%03d" % number: encode_profile(Profile(due=number, outbox=[(2, number, 0, b"{}")]))
        for number in range(1, 200)
    }
    for key, value in values.items():
        store.put(key, value)
    store.acknowledge(values, 200)
    store.close()
    store = RocksStore(tmp_path / "0", OPTIONS)
    read: Counter[bytes] = Counter()
    get = store._db.get

    class Counting:
        def __getattr__(self, name: str) -> object:
            return getattr(store_db, name)

        def get(self, key: bytes) -> bytes | None:
            read[key] += 1
            found: bytes | None = get(key)
            return found

    store_db, store._db = store._db, Counting()  # type: ignore[assignment]
    found = whole(store.survey({2: 190}))
    assert found.timers.next_due() == 1
    assert sorted(key for key, _ in found.owing) == [b"%03d" % number for number in range(190, 200)]
    assert set(read) == {b"%03d" % number for number in range(190, 200)}


def test_what_cannot_be_read_is_told_at_the_start_and_not_before(tmp_path: Path) -> None:
    store = RocksStore(tmp_path / "0", OPTIONS)
    values = {b"ann": encode_profile(Profile(due=5)), b"eve": b"\x63 of a newer version"}
    for key, value in values.items():
        store.put(key, value)
    store.acknowledge(values, 2)
    with pytest.raises(StateError, match="layout version 99"):
        whole(store.survey({}))
    mended = {b"eve": encode_profile(Profile(due=4))}
    store.put(b"eve", mended[b"eve"])
    store.acknowledge(mended, 3)
    assert list(whole(store.survey({})).timers.pop_until(9)) == [(4, b"eve"), (5, b"ann")]

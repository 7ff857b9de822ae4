"""The store on disk survives what a process and a disk go through, and is never ahead of the changelog."""

import shutil
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs
from xxhash import xxh3_64_digest

from stream_app.errors import Unavailable, WorkFailed
from stream_app.worker.rocks_store import RocksStore, table_options
from tests.stream_app.worker.changelogs import Log, Values, fold

OPTIONS = table_options()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tables" / "0"


def filled(path: Path, count: int = 3) -> RocksStore:
    """A store with acknowledged values."""
    store = RocksStore(path, OPTIONS)
    store.epoch = 2
    values = {b"customer-%d" % number: b"profile" for number in range(count)}
    for key, value in values.items():
        store.put(key, value)
    store.acknowledge(values, count)
    return store


def crashed(store: RocksStore, copy: Path) -> RocksStore:
    """What another process finds when this one stops dead."""
    shutil.copytree(store._path, copy)
    return RocksStore(copy, OPTIONS)


# ------------------------------------------------------------------ laws

# A store tells two runs by the identity of their values: each is an object of its own, as every encoded profile is.
VALUE = st.binary(min_size=2, max_size=3).map(bytearray).map(bytes)
RUN = st.dictionaries(st.sampled_from([b"ann", b"bob", b"cyd"]), VALUE, min_size=1)
STEP = st.one_of(RUN, st.just("acknowledged"), st.just("crash"))


@given(steps=st.lists(STEP, max_size=25), cut=st.integers(1, 4))
@settings(max_examples=60, deadline=None)
def test_disk_and_changelog_agree_up_to_the_position_whenever_the_process_dies(
    steps: list[Values | str], cut: int
) -> None:
    log = Log()
    with TemporaryDirectory() as directory:
        life = 0
        store = RocksStore(Path(directory, "0"), OPTIONS)
        under_way: deque[tuple[Values, int]] = deque()
        for step in [*steps, "crash"]:
            if isinstance(step, dict):
                for key, value in step.items():
                    store.put(key, value)
                under_way.append((step, log.append(store.epoch, step)))
                assert dict(store.items()) == fold(log.records)
            elif step == "acknowledged":
                if under_way:
                    store.acknowledge(*under_way.popleft())
                    assert dict(store.items()) == fold(log.records)
            else:
                acknowledged = store.position
                life += 1
                under_way.clear()
                before, store = store, crashed(store, Path(directory, str(life)))
                before.close()
                assert store.position == acknowledged
                assert dict(store.items()) == fold(log.records[:acknowledged])
                log.recover(store, cut)
                assert dict(store.items()) == fold(log.records)
                store.epoch += 1
                store.acknowledge({}, log.announce(store.epoch))
        store.close()


# ------------------------------------------------------------- life cycle


def test_a_closed_store_opens_where_it_ended(path: Path) -> None:
    filled(path).close()
    store = RocksStore(path, OPTIONS)

    assert (store.position, store.epoch) == (3, 2)
    assert dict(store.items()) == {b"customer-%d" % number: b"profile" for number in range(3)}


def test_what_was_not_acknowledged_is_not_on_disk(path: Path) -> None:
    store = filled(path)
    store.put(b"customer-1", b"newer")
    store.put(b"somebody", b"new")
    store.close()
    store = RocksStore(path, OPTIONS)

    assert store.get(b"customer-1") == b"profile"
    assert store.get(b"somebody") is None


def test_values_beyond_what_fits_into_memory_survive(path: Path) -> None:
    store = RocksStore(path, OPTIONS)
    big = {b"%06d" % number: number.to_bytes(4, "big") * 500 for number in range(1000)}
    for turn in range(30):
        store.acknowledge(big, turn)
    store.close()
    store = RocksStore(path, OPTIONS)

    assert dict(store.items()) == big
    assert store.position == 29


# ------------------------------------------------------------------ locks


def test_a_store_that_another_process_has_open_is_refused(path: Path) -> None:
    filled(path).close()
    program = (
        "import sys; from pathlib import Path; from stream_app.worker.rocks_store import *\n"
        "store = RocksStore(Path(sys.argv[1]), table_options()); print('open', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"open\n"
        with pytest.raises(
            Unavailable, match=r"open in another process; give every worker .* a data_dir of its own"
        ):
            RocksStore(path, OPTIONS)
        other.kill()
    assert len(dict(RocksStore(path, OPTIONS).items())) == 3


def test_a_closed_store_can_be_opened_by_somebody_else_at_once(path: Path) -> None:
    for _ in range(3):
        store = filled(path)
        next(store.items())  # an iteration that nobody has finished
        store.close()


# ----------------------------------------------------------------- damage


def spoil_manifest(path: Path) -> None:
    next(path.glob("MANIFEST-*")).write_bytes(b"garbage" * 100)


def spoil_current(path: Path) -> None:
    (path / "CURRENT").write_bytes(b"nothing\n")


def lose_tables(path: Path) -> None:
    for table in tables(path):
        table.unlink()


def spoil_everything(path: Path) -> None:
    for file in path.iterdir():
        file.write_bytes(b"\x00" * 50)


def tables(path: Path) -> Iterator[Path]:
    return path.glob("*.sst")


@pytest.mark.parametrize("spoil", [spoil_manifest, spoil_current, lose_tables, spoil_everything])
def test_a_store_that_cannot_be_opened_is_moved_aside_and_begun_anew(
    path: Path, spoil: Callable[[Path], None]
) -> None:
    filled(path).close()
    filled(path).close()
    assert list(tables(path)), "the values are in a table file"
    spoil(path)
    with capture_logs() as logs:
        store = RocksStore(path, OPTIONS)

    assert (store.position, list(store.items())) == (0, [])
    assert [(line["log_level"], line["moved_to"]) for line in logs] == [("warning", f"{path}.damaged")]
    store.close()
    spoil_manifest(path)
    RocksStore(path, OPTIONS).close()  # also a second time


def test_a_store_that_fails_while_it_is_read_is_rebuilt_at_the_next_start(path: Path) -> None:
    store = RocksStore(path, OPTIONS)
    values = {b"%06d" % number: xxh3_64_digest(b"%d" % number) * 20 for number in range(2000)}
    store.acknowledge(values, 2000)
    store.close()
    RocksStore(path, OPTIONS).close()
    [table] = tables(path)
    content = bytearray(table.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 2000] = b"\x55" * 2000
    table.write_bytes(content)
    store = RocksStore(path, OPTIONS)
    with pytest.raises(WorkFailed, match="rebuilt from the changelog at the next start"):
        list(store.items())
    with pytest.raises(WorkFailed):
        [store.get(key) for key in values]
    store.close()
    with capture_logs() as logs:
        store = RocksStore(path, OPTIONS)

    assert (store.position, list(store.items())) == (0, [])
    assert len(logs) == 1


def test_a_layout_of_the_future_is_rebuilt(path: Path) -> None:
    store = filled(path)
    store._db.put(b"\xff\xffcheckpoint", b"\x09" + bytes(16))
    store.close()
    with capture_logs() as logs:
        store = RocksStore(path, OPTIONS)

    assert (store.position, list(store.items())) == (0, [])
    assert "layout 9" in logs[0]["reason"]


def test_a_file_in_the_place_of_the_directory_is_told(tmp_path: Path) -> None:
    (tmp_path / "tables").write_text("a file")
    with pytest.raises(Unavailable, match="cannot open"):
        RocksStore(tmp_path / "tables" / "0", OPTIONS)

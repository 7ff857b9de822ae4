"""The profiles of one partition in RocksDB: a start reads the changelog from where the disk ends, not from its beginning.

Values that the changelog has not acknowledged live in memory only. An acknowledgement writes them to the database in one
batch with the changelog position behind them and the epoch, so that the three agree whatever happens in between; the
database is never ahead of the changelog. Its write-ahead log is handed to the operating system and not forced to the
disk: a killed process loses nothing, a machine without power loses a tail that the changelog still has.
"""

import shutil
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path

import structlog
from rocksdict import (
    BlockBasedOptions,
    Cache,
    DBCompressionType,
    Options,
    Rdict,
    RdictIter,
    WriteBatch,
    WriteBufferManager,
)

from state import Survey, Surveying, survey
from state.due import INSTANT
from state.head import DUE
from stream_app.errors import Unavailable, WorkFailed
from stream_app.profile_store import OWN
from stream_app.worker.due_window import DueWindow
from stream_app.worker.rocks_index import INDEX, RocksIndex, head_bytes, is_due

__all__ = ["RocksStore", "table_options"]

log = structlog.get_logger(__name__)

#: Key of the store's own record; no customer id is encoded like this, for ids are UTF-8.
_CHECKPOINT = b"\xff\xffcheckpoint"
#: Layout of the database, changelog position, epoch.
_RECORD = struct.Struct(">BQQ")
#: 2: with an index (see `stream_app.worker.rocks_index`).
_LAYOUT = 2
#: A file in the directory of a database that failed while it was read: it is not to be opened again.
_MARK = "DAMAGED"

_BEHIND_INDEX = INDEX + b"\xff"
#: Customers whose heads are remembered: some megabytes.
_HEADS = 20_000
_CACHE_BYTES = 64 << 20
_BUFFER_BYTES = 64 << 20


def table_options() -> Options:
    """Options for all partitions of a process: they share one block cache and one budget for what is not flushed yet.

    Indices and filters stay in memory beside them, about 7 bytes a customer: one that does not fit into its share of the
    cache would be read again for every profile.
    """
    cache = Cache(_CACHE_BYTES)
    blocks = BlockBasedOptions()
    blocks.set_block_cache(cache)
    blocks.set_bloom_filter(10, False)
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    options.set_block_based_table_factory(blocks)
    options.set_write_buffer_manager(WriteBufferManager(_BUFFER_BYTES, False))
    options.set_write_buffer_size(_BUFFER_BYTES // 4)
    options.set_compression_type(DBCompressionType.lz4())
    options.set_max_open_files(256)
    options.set_keep_log_file_num(2)
    options.set_stats_dump_period_sec(0)
    return options


class RocksStore:
    """Profiles in a database of their own, with the place in the changelog up to which they are complete.

    Args:
        path: Directory of the database, made when missing. One process at a time may have it open.
        options: From `table_options`.

    Attributes:
        position: As in `stream_app.worker.stores.TableStore`; found on disk.
        epoch: Likewise.

    Raises:
        Unavailable: If another process has the database open, or the disk refuses.
    """

    def __init__(self, path: Path, options: Options) -> None:
        self._path = path
        self._options = options
        self._unacknowledged: dict[bytes, bytes] = {}
        self.passed_over: set[bytes] = set()
        #: Heads of what is on disk, ``None`` for who is not there, of customers who were asked for lately.
        self._heads: dict[bytes, bytes | None] = {}
        self._db = self._open()
        self.position, self.epoch = self._checkpoint()
        self._index = self._read_index()

    # ------------------------------------------------------------- profiles

    def get(self, key: bytes) -> bytes | None:
        """Value of *key*, ``None`` if there is none."""
        value = self._unacknowledged.get(key)
        if value is not None:
            return value
        return self._stored(key)

    def _stored(self, key: bytes) -> bytes | None:
        """Value on disk; its head is remembered, for it is asked for again when the value is replaced."""
        try:
            found: bytes | None = self._db.get(key)
        except Exception as error:
            raise self._damaged(error) from error
        if key[:1] != OWN:
            if len(self._heads) > _HEADS:
                self._heads.clear()
            self._heads[key] = None if found is None else head_bytes(found)
        return found

    def put(self, key: bytes, value: bytes) -> None:
        """Replace the value of *key*, in memory until it is acknowledged."""
        self._unacknowledged[key] = value

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """All keys and values, as of now."""
        return self._merged(
            dict(self._unacknowledged), self._db.iter()
        )  # a database's iterator is a snapshot

    def survey(self, committed: Mapping[int, int]) -> Surveying:
        """Read the index: how long it takes does not depend on the number of customers."""
        if self._index.groups[b""]:  # somebody's profile cannot be read: say what is wrong with it
            return (yield from survey((item for item in self.items() if item[0][:1] != OWN), committed))
        try:
            keys = list(self._index.owed(committed))
        except Exception as error:
            raise self._damaged(error) from error
        yield
        owing = [(key, value) for key in keys if (value := self.get(key)) is not None]
        return Survey(self._index.groups, DueWindow(self._due), owing)

    def _due(self, after: bytes, most: int) -> tuple[list[bytes], bytes]:
        """Who is due behind the entry *after*, as `stream_app.worker.due_window` asks for it.

        What is not acknowledged counts as it is now, not as the disk still has it.
        """
        newer = self._unacknowledged
        entries: list[bytes] = []
        until = b"\xff"
        try:
            for entry in self._index.due(after):
                if entry[INSTANT:] not in newer:
                    entries.append(entry)
                    if len(entries) == most:
                        until = entry
                        break
        except Exception as error:
            raise self._damaged(error) from error
        heads = ((key, head_bytes(value)) for key, value in newer.items() if key[:1] != OWN)
        waiting = [head[DUE] + key for key, head in heads if is_due(head)]
        return entries + [entry for entry in waiting if after < entry <= until], until

    def _merged(self, newer: dict[bytes, bytes], stored: RdictIter) -> Iterator[tuple[bytes, bytes]]:
        try:
            stored.seek_to_first()
            while stored.valid():
                key: bytes = stored.key()
                if key.startswith(INDEX):
                    stored.seek(_BEHIND_INDEX)
                    continue
                if key != _CHECKPOINT:
                    yield key, newer.pop(key) if key in newer else stored.value()
                stored.next()
            stored.status()  # it also ends, as if complete, where a block cannot be read
        except Exception as error:
            raise self._damaged(error) from error
        yield from newer.items()

    # ------------------------------------------------------------- changelog

    def acknowledge(self, values: Mapping[bytes, bytes], position: int) -> None:
        """Make *values* durable together with *position* and the epoch.

        Raises:
            WorkFailed: If the disk refuses.
        """
        batch = WriteBatch(raw_mode=True)
        groups: set[bytes] = set()
        for key, value in values.items():
            batch.put(key, value)
            if key[:1] != OWN:
                groups |= self._indexed(batch, key, head_bytes(value))
        self._index.count(batch, groups)
        batch.put(_CHECKPOINT, _RECORD.pack(_LAYOUT, position, self.epoch))
        try:
            self._db.write(batch)
        except Exception as error:
            raise WorkFailed(
                f"cannot write to {self._path}: {error}; nothing is lost, the changelog has it; see to the disk and restart"
            ) from error
        waiting = self._unacknowledged
        for key, value in values.items():
            if (
                waiting.get(key) is value
            ):  # else it was replaced while it was under way, and the newer one still waits
                del waiting[key]
        self.position = position

    def _indexed(self, batch: WriteBatch, key: bytes, head: bytes) -> set[bytes]:
        """Add to *batch* what a new head means for the index; returns the groups whose number has changed."""
        if key not in self._heads:
            self._stored(key)
        before, self._heads[key] = self._heads[key], head
        return self._index.replace(batch, key, before, head)

    def clear(self) -> None:
        """Delete the database and begin an empty one."""
        self.close()
        shutil.rmtree(self._path)
        self._heads.clear()
        self._db = self._open()
        self.position, self.epoch = self._checkpoint()
        self._index = self._read_index()

    def close(self) -> None:
        """Release the database for other processes; what was not acknowledged is dropped."""
        self._unacknowledged.clear()
        self._db.close()

    # -------------------------------------------------------------- opening

    def _open(self) -> Rdict:
        if (self._path / _MARK).exists():
            self._set_aside("it failed while it was read")
        try:
            return self._connect()
        except Exception as error:
            if isinstance(error, OSError) or _is_refusal(str(error)):
                raise self._refused(str(error)) from error
            self._set_aside(str(error))
        return self._connect()

    def _connect(self) -> Rdict:
        self._path.mkdir(parents=True, exist_ok=True)
        return Rdict(str(self._path), self._options)

    def _checkpoint(self) -> tuple[int, int]:
        """Position and epoch of the disk; a database that cannot tell starts anew."""
        try:
            record = self._db.get(_CHECKPOINT)
            if record is None:
                return 0, 0
            layout, position, epoch = _RECORD.unpack(record)
        except Exception as error:  # noqa: BLE001 - rocksdict raises nothing narrower
            reason = str(error)
        else:
            if layout == _LAYOUT:
                return position, epoch
            reason = f"layout {layout} is not known to this version"
        self._db.close()
        self._set_aside(reason)
        self._db = self._connect()
        return 0, 0

    def _read_index(self) -> RocksIndex:
        try:
            return RocksIndex(self._db)
        except Exception as error:
            raise self._damaged(error) from error

    def _refused(self, reason: str) -> Unavailable:
        if "lock" in reason.lower():
            return Unavailable(
                f"{self._path} is open in another process; give every worker of this machine a data_dir of its own, "
                "or wait until the other one has ended"
            )
        return Unavailable(f"cannot open {self._path}: {reason}; see to the disk and restart")

    def _set_aside(self, reason: str) -> None:
        aside = self._path.with_name(f"{self._path.name}.damaged")
        shutil.rmtree(aside, ignore_errors=True)
        self._path.rename(aside)
        log.warning(
            "table moved aside, it is rebuilt from the changelog", path=str(self._path), moved_to=str(aside), reason=reason
        )  # fmt: skip

    def _damaged(self, error: Exception) -> WorkFailed:
        (self._path / _MARK).touch()
        return WorkFailed(
            f"cannot read {self._path}: {error}; it is rebuilt from the changelog at the next start"
        )


def _is_refusal(reason: str) -> bool:
    """Whether the disk refuses, as opposed to holding something that is no database."""
    return reason.startswith("IO error") and "No such file" not in reason

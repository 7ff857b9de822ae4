"""What the console remembers: one SQLite file, written by one thread, read by many.

Numbers that a first view needs stand in tables that are kept up as records come (``flow``, ``answer``, ``letter_count``), so
that it does not grow with the number of customers. The offsets of the topics stand in the same file and change in the
same transaction, so each record counts exactly once, whenever the process dies.
"""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from stream_app.errors import Unavailable

__all__ = ["NEW", "Row", "Store"]

Row = tuple[Any, ...]
NEW: Final = ""
"""Where customers come from who enter, and where they go who are erased."""
_LAYOUT: Final = 3
_TABLES: Final = """
CREATE TABLE place (topic TEXT, partition INTEGER, next_offset INTEGER NOT NULL, PRIMARY KEY (topic, partition))
WITHOUT ROWID;
CREATE TABLE fact (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE standing (
    lifecycle TEXT, customer TEXT, version INTEGER NOT NULL, stage TEXT NOT NULL, since TEXT, risk REAL,
    next_stage TEXT, next_p REAL,
    segment TEXT, action TEXT, revenue REAL NOT NULL, orders INTEGER NOT NULL, at INTEGER NOT NULL, at_stake REAL NOT NULL,
    PRIMARY KEY (lifecycle, customer)
) WITHOUT ROWID;
CREATE INDEX standing_at_stake ON standing (lifecycle, at_stake DESC);
CREATE INDEX standing_risk ON standing (lifecycle, risk DESC);
CREATE INDEX standing_stage ON standing (lifecycle, stage, at_stake DESC);
CREATE TABLE gone (lifecycle TEXT, customer TEXT, version INTEGER NOT NULL, PRIMARY KEY (lifecycle, customer)) WITHOUT ROWID;
CREATE TABLE move (
    lifecycle TEXT, customer TEXT, version INTEGER, at INTEGER NOT NULL, from_stage TEXT NOT NULL, to_stage TEXT NOT NULL,
    reason TEXT NOT NULL, risk REAL, cycle INTEGER, PRIMARY KEY (lifecycle, customer, version)
) WITHOUT ROWID;
CREATE INDEX move_cell ON move (lifecycle, from_stage, to_stage, at);
CREATE INDEX move_at ON move (at);
CREATE TABLE flow (
    lifecycle TEXT, day INTEGER, from_stage TEXT, to_stage TEXT, reason TEXT, customers INTEGER NOT NULL,
    PRIMARY KEY (lifecycle, day, from_stage, to_stage, reason)
) WITHOUT ROWID;
CREATE TABLE alert (
    lifecycle TEXT, customer TEXT, version INTEGER NOT NULL, status TEXT NOT NULL, at INTEGER NOT NULL,
    reasons TEXT NOT NULL, PRIMARY KEY (lifecycle, customer)
) WITHOUT ROWID;
CREATE INDEX alert_at ON alert (lifecycle, status, at DESC);
CREATE TABLE letter (
    partition INTEGER, offset INTEGER, at INTEGER NOT NULL, reason TEXT NOT NULL, sentence TEXT NOT NULL,
    topic TEXT NOT NULL, source_partition TEXT NOT NULL, source_offset TEXT NOT NULL, key TEXT NOT NULL,
    bytes INTEGER NOT NULL, PRIMARY KEY (partition, offset)
) WITHOUT ROWID;
CREATE INDEX letter_at ON letter (at DESC);
CREATE TABLE letter_count (day INTEGER, reason TEXT, letters INTEGER NOT NULL, PRIMARY KEY (day, reason)) WITHOUT ROWID;
CREATE TABLE answered (id TEXT PRIMARY KEY, number INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE answer (
    lifecycle TEXT, month INTEGER, bin INTEGER, churned INTEGER NOT NULL, kept INTEGER NOT NULL, risk REAL NOT NULL,
    log_loss REAL NOT NULL, squares REAL NOT NULL, base_loss REAL NOT NULL, PRIMARY KEY (lifecycle, month, bin)
) WITHOUT ROWID;
CREATE TABLE other_answer (
    lifecycle TEXT, month INTEGER, moves INTEGER NOT NULL, right INTEGER NOT NULL, move_loss REAL NOT NULL,
    spends INTEGER NOT NULL, spent REAL NOT NULL, expected REAL NOT NULL, error REAL NOT NULL,
    stayed INTEGER NOT NULL, PRIMARY KEY (lifecycle, month)
) WITHOUT ROWID;
"""
_NAMES: Final = (
    "place",
    "fact",
    "standing",
    "gone",
    "move",
    "flow",
    "alert",
    "letter",
    "letter_count",
    "answered",
    "answer",
    "other_answer",
)


class Store:
    """The history of one tenant.

    Args:
        path: The file; made with its directory when missing, and begun anew when it is of another layout: Kafka has
            everything that is in it.

    Raises:
        Unavailable: The file can be neither read nor made.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._readers = threading.local()
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._writer = self._open()
        except (OSError, sqlite3.Error) as error:
            raise Unavailable(
                f"the console's history {path} cannot be opened ({error}): is the directory writable? "
                "A damaged file may be deleted, it is read anew from Kafka"
            ) from error

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, check_same_thread=False, isolation_level=None, timeout=30)
        self.path.chmod(0o600)
        connection.executescript(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-65536;"
        )
        (layout,) = connection.execute("PRAGMA user_version").fetchone()
        if layout != _LAYOUT:
            for name in _NAMES:
                connection.execute(f"DROP TABLE IF EXISTS {name}")
            connection.executescript(_TABLES)
            connection.execute(f"PRAGMA user_version={_LAYOUT}")
        return connection

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Give the connection for one transaction: all of it stays, or nothing. Only one thread at a time may."""
        self._writer.execute("BEGIN IMMEDIATE")
        try:
            yield self._writer
        except BaseException:
            self._writer.execute("ROLLBACK")
            raise
        self._writer.execute("COMMIT")

    def rows(self, question: str, *values: Any) -> list[Row]:
        """Ask; each thread has a connection of its own, which cannot write."""
        connection: sqlite3.Connection | None = getattr(self._readers, "connection", None)
        if connection is None:
            connection = sqlite3.connect(f"{self.path.resolve().as_uri()}?mode=ro", uri=True, timeout=30)
            connection.execute("PRAGMA cache_size=-32768")
            self._readers.connection = connection
        return connection.execute(question, values).fetchall()

    def places(self) -> dict[tuple[str, int], int]:
        """Next offset to read, by topic and partition."""
        return {(topic, partition): offset for topic, partition, offset in self.rows("SELECT * FROM place")}

    def clear(self) -> None:
        """Forget everything: the topics were made anew."""
        with self.writing() as connection:
            for name in _NAMES:
                connection.execute(f"DELETE FROM {name}")  # noqa: S608 - names of this module

    def close(self) -> None:
        """Close the writer; readers end with their threads."""
        self._writer.close()

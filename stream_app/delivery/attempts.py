"""What was tried, when, and what came of it: the attempt log of one destination, on the disk of its process."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

__all__ = ["Attempt", "AttemptLog", "log_path"]

_LAYOUT = """
CREATE TABLE IF NOT EXISTS attempt (
    at INTEGER NOT NULL, message TEXT NOT NULL, customer TEXT NOT NULL, kind TEXT NOT NULL, stage TEXT,
    number INTEGER NOT NULL, outcome TEXT NOT NULL, status INTEGER, seconds REAL NOT NULL, error TEXT
);
CREATE INDEX IF NOT EXISTS attempt_at ON attempt (at);
CREATE INDEX IF NOT EXISTS attempt_message ON attempt (message, outcome);
CREATE INDEX IF NOT EXISTS attempt_customer ON attempt (customer);
"""


class Attempt(NamedTuple):
    """One attempt.

    Attributes:
        at: Instant (µs).
        message: Idempotency id.
        customer: Customer id.
        kind: Kind of message.
        stage: Stage that was told.
        number: 1 for the first attempt of this process for this message.
        outcome: delivered, failed (to be tried again), refused or given_up.
        status: HTTP status, None without an answer.
        seconds: Duration.
        error: What went wrong.
    """

    at: int
    message: str
    customer: str
    kind: str
    stage: str | None
    number: int
    outcome: str
    status: int | None
    seconds: float
    error: str | None


def log_path(data_dir: Path, prefix: str, destination: str) -> Path:
    """Where the attempt log of a destination lies: another tenant's customers may have the same ids and versions."""
    return data_dir / "deliveries" / prefix / f"{destination}.db"


class AttemptLog:
    """The log of one destination.

    Args:
        file: SQLite file; made if it is not there. Only its owner can read it: it names customers.
    """

    def __init__(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._base = sqlite3.connect(file, isolation_level=None)
        file.chmod(0o600)
        self._base.executescript(f"PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; {_LAYOUT}")

    def add(self, attempt: Attempt) -> None:
        """Note an attempt."""
        self._base.execute("INSERT INTO attempt VALUES (?,?,?,?,?,?,?,?,?,?)", attempt)

    def was_delivered(self, message: str) -> bool:
        """Whether a message has been taken by the destination."""
        found = self._base.execute(
            "SELECT 1 FROM attempt WHERE message=? AND outcome='delivered' LIMIT 1", (message,)
        )
        return found.fetchone() is not None

    def latest(self, *, most: int, failed: bool = False) -> Iterator[Attempt]:
        """The newest attempts, or the newest of the messages that have not been delivered."""
        where = (
            "WHERE message NOT IN (SELECT message FROM attempt WHERE outcome='delivered')" if failed else ""
        )
        rows: Any = self._base.execute(f"SELECT * FROM attempt {where} ORDER BY at DESC LIMIT ?", (most,))  # noqa: S608
        yield from map(Attempt._make, rows)

    def forget(self, customer: str) -> None:
        """Leave nothing of a customer."""
        self._base.execute("DELETE FROM attempt WHERE customer=?", (customer,))

    def forget_before(self, at: int) -> None:
        """Drop what is older than *at* (µs)."""
        self._base.execute("DELETE FROM attempt WHERE at<?", (at,))

    def close(self) -> None:
        """Close the file."""
        self._base.close()

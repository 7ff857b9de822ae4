"""Is there room on the disk, and is the data directory ours alone?"""

import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from stream_app.errors import Unavailable

MIB = 1024 * 1024
_ELSEWHERE = "make it writable, or choose another (--data-dir; XDG_CACHE_HOME for the cache)"
_LOCK = "in-use.lock"


def require_space(directory: Path, needed_bytes: int, purpose: str) -> None:
    """Refuse to begin what the disk has no room for.

    Args:
        directory: Where it will be written; need not exist yet.
        needed_bytes: How much room it wants.
        purpose: What is to be stored, for the message.

    Raises:
        Unavailable: If less than that is free.
    """
    existing = next(path for path in (directory, *directory.parents) if path.exists())
    free = shutil.disk_usage(existing).free
    if free < needed_bytes:
        raise Unavailable(
            f"no disk space for {purpose} in {directory}: {free // MIB} MiB are free, "
            f"{-(-needed_bytes // MIB)} MiB are needed: free some or choose another place"
        )


def make_directory(directory: Path) -> None:
    """Create a directory, for this user only.

    Args:
        directory: Where; parents are created too.

    Raises:
        Unavailable: If it cannot be created or written.
    """
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise Unavailable(
            f"cannot create the directory {directory} ({error.strerror}): {_ELSEWHERE}"
        ) from error
    if not os.access(directory, os.W_OK | os.X_OK):
        raise Unavailable(f"cannot write to the directory {directory}: {_ELSEWHERE}")


@contextmanager
def sole_use(directory: Path, patience_s: float = 0.0) -> Iterator[None]:
    """Hold a data directory so that no other instance works in it meanwhile.

    The lock belongs to the open file, so it is gone when the process is, however it ended.

    Args:
        directory: An existing directory.
        patience_s: Seconds to wait for another instance to finish.

    Yields:
        Nothing; the directory is held inside the ``with`` block.

    Raises:
        Unavailable: If another instance holds it.
    """
    with (directory / _LOCK).open("a+b") as lock:
        deadline = time.monotonic() + patience_s
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise Unavailable(
                        f"the data directory {directory} is used by another instance{_holder(lock)}: "
                        "end that one or choose another directory with --data-dir"
                    ) from None
                time.sleep(0.1)
        lock.truncate(0)
        lock.write(str(os.getpid()).encode())
        lock.flush()
        yield


def remove_abandoned(parent: Path, prefix: str) -> None:
    """Remove temporary data directories whose owner was killed and could not.

    Args:
        parent: Where temporary directories are made.
        prefix: How the names of ours begin.
    """
    for lock in parent.glob(f"{prefix}*/{_LOCK}"):
        try:
            with lock.open("r+b") as held:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if held.read(1):  # else its owner is just about to take it
                    shutil.rmtree(lock.parent, ignore_errors=True)
        except OSError:  # in use, or somebody else's
            continue


def _holder(lock: IO[bytes]) -> str:
    lock.seek(0)
    pid = lock.read(20).decode("ascii", "replace")
    return f" (pid {pid})" if pid.isdecimal() else ""

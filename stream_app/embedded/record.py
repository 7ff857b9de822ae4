"""Which process serves a data directory, if it still lives?

A process id alone proves nothing, because the system gives it to somebody else later. A record therefore
carries the process's start time as well.
"""

from pathlib import Path

import msgspec
import psutil

# psutil derives start times from clock ticks (10 ms) and the time of boot, which a clock adjustment may move.
_SAME_START_S = 1.0


class Record(msgspec.Struct, frozen=True):
    """What a pid file says.

    Args:
        pid: Process id.
        started: Its start time, seconds since 1970 UTC, as psutil tells it.
        port: Loopback port on which it serves clients.
    """

    pid: int
    started: float
    port: int

    def process(self) -> psutil.Process | None:
        """Find the process that the record means.

        Returns:
            The process, or None when it has ended, even if another one has its id now.
        """
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.started) <= _SAME_START_S
        except psutil.Error:
            return None
        return process if same and not has_ended(process) else None


def has_ended(process: psutil.Process) -> bool:
    """Tell whether a process is gone, its sockets and locks included.

    A killed process with many threads, such as a JVM, is a zombie as soon as its first thread is gone, while
    the others still hold its port. One that nobody buries stays a zombie, and has ended for all that matters.

    Args:
        process: The process, as psutil found it.

    Returns:
        True when nothing of it runs.
    """
    try:
        return process.status() == psutil.STATUS_ZOMBIE and process.num_threads() <= 1
    except psutil.Error:
        return True


def write_record(path: Path, pid: int, port: int) -> Record:
    """Write the pid file of a process that has just been started.

    Args:
        path: The pid file; replaced in one step, so a reader sees the old or the new one.
        pid: Process id.
        port: Loopback port on which it will serve clients.

    Returns:
        What was written.

    Raises:
        psutil.NoSuchProcess: If the process has ended already.
    """
    record = Record(pid, psutil.Process(pid).create_time(), port)
    fresh = path.with_suffix(".new")
    fresh.write_bytes(msgspec.json.encode(record))
    fresh.replace(path)
    return record


def read_record(path: Path) -> Record | None:
    """Read a pid file.

    Args:
        path: The pid file; need not exist.

    Returns:
        Its record, or None when there is none that can be read.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=Record)
    except (OSError, msgspec.DecodeError):
        return None

"""How is a running server found, paused, stopped and killed?"""

import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from stream_app.embedded.record import Record, read_record

if TYPE_CHECKING:
    from stream_app.embedded.launch import AttachedProcess

POLL_S = 0.02
"""Seconds between two looks at a process or port; a look costs microseconds."""


class ServerProcess:
    """The process behind a server directory, whoever started it.

    Everything here is synchronous; inside an event loop call it through ``asyncio.to_thread``. One object is
    for one thread at a time.

    Args:
        name: What it serves, for messages.
        directory: Where its configuration, data, log and pid file live.
    """

    grace_s: float = 20.0
    """Seconds it gets to stop by itself."""

    def __init__(self, name: str, directory: Path) -> None:
        self.name = name
        self.directory = directory
        self._child: AttachedProcess | None = None

    @property
    def log(self) -> Path:
        """What the server has printed since it was last started."""
        return self.directory / "server.log"

    @property
    def pid_file(self) -> Path:
        """The record of the process that serves, or served last: it also remembers the port."""
        return self.directory / "process.json"

    @property
    def record(self) -> Record | None:
        """The record of the running process, or None when there is none."""
        if self._child is not None and self._child.has_ended():
            self._child = None
        record = read_record(self.pid_file)
        return record if record is not None and record.process() is not None else None

    @property
    def process(self) -> psutil.Process | None:
        """The running process, or None when there is none."""
        record = self.record
        return record.process() if record is not None else None

    def stop(self) -> bool:
        """Ask it to stop, and kill it when it does not within its grace.

        Returns:
            True when it stopped by itself or was not running, False when it had to be killed.
        """
        process = self.process
        if process is not None:
            with suppress(psutil.NoSuchProcess):
                process.terminate()
                process.resume()  # a paused process would sit on the request
            if not self._wait(self.grace_s):
                self.kill()
                return False
        return True

    def kill(self) -> None:
        """End it at once with SIGKILL, as a crash would, and wait for its end."""
        process = self.process
        if process is not None:
            with suppress(psutil.NoSuchProcess):
                process.kill()
            self._wait(self.grace_s)

    def pause(self) -> None:
        """Freeze it (SIGSTOP): connections stay open and nothing answers."""
        process = self.process
        if process is not None:
            process.suspend()

    def resume(self) -> None:
        """Let it go on after `pause`."""
        process = self.process
        if process is not None:
            process.resume()

    def _wait(self, timeout_s: float) -> bool:
        if self._child is not None:
            return self._child.wait(timeout_s)
        deadline = time.monotonic() + timeout_s
        while self.process is not None:
            if time.monotonic() > deadline:
                return False
            time.sleep(POLL_S)
        return True

"""How does one embedded server live: started, awaited, paused, killed, stopped, found again?"""

import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

import psutil

from stream_app.embedded.disk import make_directory
from stream_app.embedded.launch import AttachedProcess, start_attached, start_detached
from stream_app.embedded.ports import LOOPBACK
from stream_app.embedded.record import Record, read_record, write_record
from stream_app.errors import Unavailable

_POLL_S = 0.02


class Server(ABC):
    """A server process on a loopback port, with its files in one directory.

    The subclass says how the program is called and when it is ready. Everything here is synchronous; call it from
    ``asyncio.to_thread`` inside an event loop. One server object is for one thread at a time.

    Args:
        directory: Where its configuration, data, log and pid file live.
        port: Loopback port for its clients.
        attached: Whether it dies with this process, or lives on until stopped.
    """

    name: str
    grace_s: float = 20.0
    """Seconds it gets to stop by itself."""
    patience_s: float = 60.0
    """Seconds it gets to be ready."""

    def __init__(self, directory: Path, port: int, *, attached: bool = True) -> None:
        self.directory = directory
        self.port = port
        self.attached = attached
        self._child: AttachedProcess | None = None

    @abstractmethod
    def prepare(self) -> None:
        """Write configuration and whatever else must exist before the program starts."""

    @abstractmethod
    def command(self) -> Sequence[str]:
        """Say how the program is called."""

    @abstractmethod
    def is_ready(self) -> bool:
        """Ask the running server whether it serves clients."""

    @property
    def address(self) -> str:
        """``host:port`` for clients."""
        return f"{LOOPBACK}:{self.port}"

    @property
    def log(self) -> Path:
        """What the server printed."""
        return self.directory / "server.log"

    @property
    def pid_file(self) -> Path:
        """The record of the running process."""
        return self.directory / "server.pid"

    @property
    def process(self) -> psutil.Process | None:
        """The running process, or None when there is none."""
        if self._child is not None and self._child.has_ended():
            self._child = None
        record = read_record(self.pid_file)
        return record.process() if record else None

    def launch(self) -> None:
        """Start the process without waiting for it to be ready.

        Raises:
            Unavailable: If it cannot be started or the directory cannot be written.
        """
        make_directory(self.directory)
        self.prepare()
        try:
            pid = self._start()
            write_record(self.pid_file, pid, self.port)
        except psutil.NoSuchProcess as error:
            raise self._ended() from error
        except OSError as error:
            raise Unavailable(f"cannot start {self.name} ({error}): see {self.log}") from error

    def await_ready(self) -> None:
        """Wait until it serves clients.

        Raises:
            Unavailable: If it ended instead, or is not ready in time; the message quotes its log.
        """
        deadline = time.monotonic() + self.patience_s
        while not self.is_ready():
            if self.process is None:
                raise self._ended()
            if time.monotonic() > deadline:
                raise Unavailable(
                    f"{self.name} is not ready after {self.patience_s:.0f} s{self._quote()}: its log is {self.log}"
                )
            time.sleep(_POLL_S)

    def start(self) -> None:
        """Start it and wait until it serves clients.

        Raises:
            Unavailable: If it does not come up.
        """
        self.launch()
        self.await_ready()

    def stop(self) -> bool:
        """Ask it to stop, and kill it when it does not within its grace.

        Returns:
            True when it stopped by itself or was not running, False when it had to be killed.
        """
        process = self.process
        if process is None:
            self._forget()
            return True
        process.resume()  # a paused process would sit on the request
        process.terminate()
        if self._wait(process, self.grace_s):
            self._forget()
            return True
        self.kill()
        return False

    def kill(self) -> None:
        """End it at once with SIGKILL, as a crash would, and wait for its end."""
        process = self.process
        if process is not None:
            process.kill()
            self._wait(process, self.grace_s)
        self._forget()

    def restart(self) -> None:
        """Stop it in order and start it again on the same port with the same data.

        Raises:
            Unavailable: If it does not come up again.
        """
        self.stop()
        self.start()

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

    def _start(self) -> int:
        if self.attached:
            self._child = start_attached(self.command(), self.log)
            return self._child.pid
        return start_detached(self.command(), self.log)

    def _wait(self, process: psutil.Process, timeout_s: float) -> bool:
        if self._child is not None and self._child.pid == process.pid:
            return self._child.wait(timeout_s)
        record = Record(process.pid, process.create_time(), self.port) if process.is_running() else None
        deadline = time.monotonic() + timeout_s
        while record is not None and record.process() is not None:
            if time.monotonic() > deadline:
                return False
            time.sleep(_POLL_S)
        return True

    def _forget(self) -> None:
        self._child = None
        self.pid_file.unlink(missing_ok=True)

    def _ended(self) -> Unavailable:
        return Unavailable(f"{self.name} ended while starting{self._quote()}: its log is {self.log}")

    def _quote(self) -> str:
        """The line of the log that most likely tells why."""
        try:
            lines = self.log.read_text("utf-8", "replace").splitlines()[-200:]
        except OSError:
            return ""
        telling = [line for line in lines if any(word in line for word in ("ERROR", "Exception", "FATAL", "# "))]
        line = (telling or lines or [""])[-1].strip()
        return f" ({line[:300]})" if line else ""

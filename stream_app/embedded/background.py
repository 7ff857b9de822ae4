"""How do the embedded services run in the background, found again by their data directory?"""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from stream_app.embedded.disk import make_directory, sole_use
from stream_app.embedded.kafka import count_brokers
from stream_app.embedded.plan import Wanted, own_directory, plan_servers, running_servers
from stream_app.embedded.ports import LOOPBACK
from stream_app.embedded.process import ServerProcess
from stream_app.embedded.progress import Listener
from stream_app.embedded.redis import answers_ping
from stream_app.embedded.server import Server
from stream_app.errors import Misconfigured

_PATIENCE_S = 10.0  # another `up` or `down` on the same directory is about to finish


@dataclass(frozen=True)
class Running:
    """A server as it is found.

    Args:
        name: Kafka or Redis.
        pid: Its process id, None when it does not run.
        port: Loopback port for its clients, 0 when it does not run.
        answers: Whether it serves clients.
        started: Seconds since 1970 UTC, 0 when it does not run.
        memory: Resident bytes, 0 when it does not run.
        log: What it printed.
    """

    name: str
    pid: int | None
    port: int
    answers: bool
    started: float
    memory: int
    log: Path

    @property
    def setting(self) -> str:
        """The variable that tells other commands its address."""
        return f"LIFECYCLE_{self.name.upper()}"

    @property
    def address(self) -> str:
        """What that variable is set to."""
        where = f"{LOOPBACK}:{self.port}"
        return f"redis://{where}/0" if self.name == "Redis" else where

    @property
    def state(self) -> str:
        """One word or two: running, not answering, stopped."""
        if self.pid is None:
            return "stopped"
        return "running" if self.answers else "not answering"


def look(data_dir: Path) -> tuple[Running, Running]:
    """Tell how Kafka and Redis of a data directory are.

    Args:
        data_dir: The data directory; need not exist.

    Returns:
        Kafka, then Redis.
    """
    kafka, redis = running_servers(own_directory(data_dir))
    return _look(kafka), _look(redis)


def bring_up(data_dir: Path, wanted: Wanted, listener: Listener) -> tuple[Running, Running]:
    """Make sure that both run in the background; those that run already stay as they are.

    Args:
        data_dir: The data directory; created when missing.
        wanted: What is asked for; not attached.
        listener: Hears of each step.

    Returns:
        Kafka, then Redis.

    Raises:
        Misconfigured: If one runs on another port than asked for.
        Unavailable: If something is missing, or one does not come up; what this call started is stopped then.
    """
    directory = own_directory(data_dir)
    make_directory(directory)
    with sole_use(directory, _PATIENCE_S):
        found = kafka, redis = look(data_dir)
        _refuse_other_port(kafka, wanted.kafka_port, "--kafka-port")
        _refuse_other_port(redis, wanted.redis_port, "--redis-port")
        if kafka.answers and redis.answers:
            listener.say("Kafka and Redis are running already")
            return found
        # A server that runs and does not answer hangs, and holds the port that its successor wants.
        hold = running_servers(directory)
        _stop([server for server, now in zip(hold, found, strict=True) if not now.answers], listener)
        still_wanted = replace(
            wanted,
            kafka_port=0 if kafka.answers else wanted.kafka_port,
            redis_port=0 if redis.answers else wanted.redis_port,
        )
        planned = plan_servers(directory, still_wanted, listener)
        _start([server for server, now in zip(planned, found, strict=True) if not now.answers], listener)
        return look(data_dir)


def _start(servers: Sequence[Server], listener: Listener) -> None:
    """Start servers side by side, all or none."""
    with ExitStack() as unless_ready:
        for server in servers:
            listener.say(f"starting {server.name} on {server.address}")
            unless_ready.callback(server.stop)
            server.launch()
        for server in servers:
            server.await_ready()
        unless_ready.pop_all()
    listener.say("Kafka and Redis are ready")


def bring_down(data_dir: Path, listener: Listener) -> tuple[str, ...]:
    """Stop what runs: Kafka first, so that nobody is left who could write to Redis.

    Args:
        data_dir: The data directory; need not exist.
        listener: Hears of each step.

    Returns:
        The names of the servers that ran.

    Raises:
        Unavailable: If another instance works in the directory and does not finish.
    """
    directory = own_directory(data_dir)
    if not directory.exists():
        return ()
    with sole_use(directory, _PATIENCE_S):
        return _stop(running_servers(directory), listener)


def _stop(servers: Sequence[ServerProcess], listener: Listener) -> tuple[str, ...]:
    stopped = []
    for server in servers:
        if server.process is not None:
            listener.say(f"stopping {server.name}")
            if not server.stop():
                listener.say(f"{server.name} did not stop within {server.grace_s:.0f} s and was killed")
            stopped.append(server.name)
    return tuple(stopped)


def _look(server: ServerProcess) -> Running:
    record, process = server.record, server.process
    if record is None or process is None:
        return Running(server.name, None, 0, answers=False, started=0.0, memory=0, log=server.log)
    try:
        memory = process.memory_info().rss
    except psutil.Error:
        memory = 0
    answers = answers_ping(record.port) if server.name == "Redis" else count_brokers(record.port) > 0
    return Running(server.name, record.pid, record.port, answers, record.started, memory, server.log)


def _refuse_other_port(server: Running, port: int, flag: str) -> None:
    if server.answers and port not in (0, server.port):
        raise Misconfigured(
            f"{server.name} of this data directory runs on port {server.port}, not {port}: "
            f"run `lifecycle down` first, or leave out {flag}"
        )

"""What does a program need in order to have a real Kafka and a real Redis for as long as it runs?"""

import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from stream_app.embedded.disk import MIB, make_directory, require_space, sole_use
from stream_app.embedded.jars import class_path, default_cache
from stream_app.embedded.java import find_java
from stream_app.embedded.kafka import Kafka
from stream_app.embedded.ports import choose_port, require_free
from stream_app.embedded.progress import Listener, Silence
from stream_app.embedded.redis import Redis, find_redis
from stream_app.errors import Unavailable

ROOM = 512 * MIB
"""Free bytes wanted before the services start."""


class EmbeddedServices:
    """Kafka and Redis on free loopback ports, as processes that end when this one does.

    Use it as a context manager. `broker` and `redis` are the servers themselves, to be killed, paused and
    restarted by those who want to see what happens then.

    Args:
        data_dir: Where everything is kept; by default a temporary directory that is removed at the end.
        kafka_port: Port for Kafka, 0 for any.
        redis_port: Port for Redis, 0 for any.
        cache_dir: Where the jars are kept; by default in the user's cache.
        listener: Hears of each step.

    Examples:
        ``with EmbeddedServices() as services: connect(services.kafka, services.redis_url)``
    """

    def __init__(
        self,
        data_dir: Path | None = None,
        *,
        kafka_port: int = 0,
        redis_port: int = 0,
        cache_dir: Path | None = None,
        listener: Listener | None = None,
    ) -> None:
        self._data_dir = data_dir
        self._ports = (kafka_port, redis_port)
        self._cache_dir = cache_dir or default_cache()
        self._listener: Listener = listener or Silence()
        self._ending = ExitStack()
        self._servers: tuple[Kafka, Redis] | None = None

    @property
    def broker(self) -> Kafka:
        """The Kafka server."""
        return self._started()[0]

    @property
    def redis(self) -> Redis:
        """The Redis server."""
        return self._started()[1]

    @property
    def kafka(self) -> str:
        """Bootstrap address, ``host:port``."""
        return self.broker.address

    @property
    def redis_url(self) -> str:
        """Redis URL."""
        return self.redis.url

    def start(self) -> Self:
        """Start both and wait until they serve clients.

        Returns:
            These services.

        Raises:
            Unavailable: If something they need is missing, or one of them does not come up; nothing is left
                running then.
        """
        try:
            directory = self._take_directory()
            self._servers = build_servers(
                directory, self._ports, self._cache_dir, self._listener, attached=True
            )
            start_servers(self._servers, self._listener, self._ending)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Stop both in order, and remove what was temporary; harmless when nothing runs."""
        self._ending.close()

    def _take_directory(self) -> Path:
        directory = self._data_dir
        if directory is None:
            directory = Path(tempfile.mkdtemp(prefix="lifecycle-"))
            self._ending.callback(shutil.rmtree, directory, ignore_errors=True)
        make_directory(directory)
        self._ending.enter_context(sole_use(directory))
        return directory

    def _started(self) -> tuple[Kafka, Redis]:
        if self._servers is None:
            raise Unavailable("the embedded services have not been started: call start() first")
        return self._servers

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def build_servers(
    directory: Path, ports: tuple[int, int], cache: Path, listener: Listener, *, attached: bool
) -> tuple[Kafka, Redis]:
    """Check what both servers need, and describe them; nothing is started.

    Args:
        directory: Their data directory, which the caller holds.
        ports: Ports for Kafka and Redis, 0 for any.
        cache: Where the jars are kept.
        listener: Hears of downloads.
        attached: Whether they die with this process.

    Returns:
        Both servers.

    Raises:
        Unavailable: If a port is taken, the disk is full, another instance serves the directory, Java or Redis
            or a jar cannot be had.
    """
    require_space(directory, ROOM, "the embedded services")
    kafka_port, redis_port = ports
    if kafka_port:
        require_free(kafka_port, "Kafka", "--kafka-port")
    if redis_port:
        require_free(redis_port, "Redis", "--redis-port")
    binary, java = find_redis(), find_java()
    jars = class_path(cache, listener)
    kafka_port = kafka_port or choose_port(frozenset({redis_port}))
    redis_port = redis_port or choose_port(frozenset({kafka_port}))
    controller_port = choose_port(frozenset({kafka_port, redis_port}))
    kafka = Kafka(directory / "kafka", kafka_port, controller_port, java, jars, attached=attached)
    redis = Redis(directory / "redis", redis_port, binary, attached=attached)
    for server in (kafka, redis):
        running = server.process
        if running is not None:
            raise Unavailable(
                f"the data directory {directory} is used by {server.name} (pid {running.pid}): "
                f"stop it with `lifecycle down --data-dir {directory}` or choose another directory with --data-dir"
            )
    listener.say(
        f"starting Kafka (Java {java.major}, {java.origin}) on {kafka.address} "
        f"and Redis {'.'.join(map(str, binary.version))} ({binary.origin}) on {redis.address}"
    )
    return kafka, redis


def start_servers(servers: tuple[Kafka, Redis], listener: Listener, ending: ExitStack) -> None:
    """Start both servers side by side and wait for them.

    Args:
        servers: Both, as described by `build_servers`.
        listener: Hears when they are ready.
        ending: Is told to stop whatever was started.

    Raises:
        Unavailable: If one of them does not come up.
    """
    for server in reversed(servers):  # Redis first: it is up while Java still loads
        ending.callback(server.stop)
        server.launch()
    for server in servers:
        server.await_ready()
    listener.say("Kafka and Redis are ready")

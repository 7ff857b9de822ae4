"""What does a program need in order to have a real Kafka and a real Redis for as long as it runs?"""

import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from stream_app.embedded.disk import make_directory, remove_abandoned, sole_use
from stream_app.embedded.jars import default_cache
from stream_app.embedded.kafka import Kafka
from stream_app.embedded.plan import Wanted, own_directory, plan_servers, refuse_second_instance
from stream_app.embedded.progress import Listener, Silence
from stream_app.embedded.redis import Redis
from stream_app.errors import Unavailable

_TEMPORARY = "lifecycle-embedded-"


class EmbeddedServices:
    """Kafka and Redis on free loopback ports, as processes that end when this one does.

    Use it as a context manager. `broker` and `redis` are the servers themselves, to be killed, paused and
    restarted by those who want to see what happens then. Starting and stopping block for seconds: inside an
    event loop go through ``asyncio.to_thread``.

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
        self._wanted = Wanted(kafka_port, redis_port, cache_dir or default_cache(), attached=True)
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
            refuse_second_instance(directory)
            self._servers = kafka, redis = plan_servers(directory, self._wanted, self._listener)
            for server in (redis, kafka):  # Redis first: it is up while Java still loads
                self._listener.say(f"starting {server.name} on {server.address}")
                self._ending.callback(server.stop)
                server.launch()
            kafka.await_ready()
            redis.await_ready()
        except BaseException:
            self.stop()
            raise
        self._listener.say("Kafka and Redis are ready")
        return self

    def stop(self) -> None:
        """Stop both in order, and remove what was temporary; harmless when nothing runs."""
        self._ending.close()

    def _take_directory(self) -> Path:
        if self._data_dir is None:
            remove_abandoned(Path(tempfile.gettempdir()), _TEMPORARY)
            directory = Path(tempfile.mkdtemp(prefix=_TEMPORARY))
            self._ending.callback(shutil.rmtree, directory, ignore_errors=True)
        else:
            directory = own_directory(self._data_dir)
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

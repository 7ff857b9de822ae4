"""Where does the demo run: on services of its own in a directory that it empties, or on those of `lifecycle up`?

Nothing is deleted but what an earlier demo made in its own directory.
"""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from stream_app.demo.untouched import why_not
from stream_app.embedded import EmbeddedServices
from stream_app.embedded.background import bring_down, bring_up, look
from stream_app.embedded.disk import make_directory, sole_use
from stream_app.embedded.jars import default_cache
from stream_app.embedded.plan import Wanted, own_directory, running_servers
from stream_app.embedded.progress import Listener
from stream_app.errors import Unavailable
from stream_app.settings import KafkaSecurity, Settings

OWN = "demo"
_MADE_HERE = (
    "embedded", "processes", "worker", "tables", "console", "deliveries", "repaired-letters.sqlite", "model.key",
)  # fmt: skip


@dataclass(frozen=True)
class Grounds:
    """Running services and a directory for the demo.

    Args:
        home: The demo's own directory, emptied.
        services: The data directory whose services are used.
        kafka: Bootstrap address.
        redis: URL.
        stay: Whether the services go on when the demo has ended.
        own: The demo's own services, if they end with it.
    """

    home: Path
    services: Path
    kafka: str
    redis: str
    stay: bool
    own: EmbeddedServices | None = None

    def settings(self, asked: Settings) -> Settings:
        """Give the settings that hold here: what was asked for, on one local broker without security."""
        changed = {
            "kafka": self.kafka,
            "redis": self.redis,
            "data_dir": self.home,
            "clock": "event",
            "kafka_security": KafkaSecurity(),
            "topics": asked.topics.model_copy(update={"replication_factor": 1}),
        }
        return asked.model_copy(update=changed)

    def require_services(self) -> None:
        """Look whether both services still run.

        Raises:
            Unavailable: If one has ended.
        """
        for server in running_servers(own_directory(self.services)):
            if server.process is None:
                raise Unavailable(
                    f"{server.name} has ended in the middle of the demo: its log is {server.log}"
                )


@contextmanager
def open_grounds(asked: Settings, listener: Listener, *, keep: bool) -> Iterator[Grounds]:
    """Provide services for the demo and end them afterwards, unless they are to stay.

    Services of `lifecycle up` in the data directory are used, and left running, if nothing is in them yet.
    Otherwise the demo starts its own.

    Args:
        asked: Settings; the data directory decides.
        listener: Hears of each step.
        keep: Leave the demo's own services running when all went well.

    Yields:
        The grounds.

    Raises:
        Unavailable: If another demo runs in the data directory, or the services do not come up.
    """
    home = asked.data_dir.resolve() / OWN
    make_directory(home)
    with ExitStack() as ending:
        ending.enter_context(sole_use(home))
        _clear(home, listener)
        kafka, redis = look(asked.data_dir)
        if kafka.answers and redis.answers:
            shared = Grounds(home, asked.data_dir, kafka.address, redis.address, stay=True)
            reason = why_not(shared.settings(asked))
            if reason is None:
                listener.say(
                    f"using the Kafka and Redis of `lifecycle up` in {asked.data_dir}; they go on afterwards"
                )
                yield shared
                return
            listener.say(f"the Kafka and Redis of `lifecycle up` are left alone, because {reason}")
        if keep:
            yield from _kept(home, listener)
            return
        own = ending.enter_context(EmbeddedServices(home, listener=listener))
        yield Grounds(home, home, own.kafka, own.redis_url, stay=False, own=own)


def _kept(home: Path, listener: Listener) -> Iterator[Grounds]:
    """Services in the background, stopped only if the demo fails or is interrupted."""
    with ExitStack() as unless_done:
        unless_done.callback(bring_down, home, listener)
        wanted = Wanted(0, 0, default_cache(), attached=False)
        kafka, redis = bring_up(home, wanted, listener)
        yield Grounds(home, home, kafka.address, redis.address, stay=True)
        unless_done.pop_all()


def _clear(home: Path, listener: Listener) -> None:
    """Remove what an earlier demo left: its services, if they were kept, and its files."""
    bring_down(home, listener)
    for name in _MADE_HERE:
        left = home / name
        if left.is_dir() and not left.is_symlink():
            shutil.rmtree(left)
        else:
            left.unlink(missing_ok=True)

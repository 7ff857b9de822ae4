"""Is everything there that the servers need, and where will they listen?

All that can be known to be wrong is found here, before anything is started.
"""

from dataclasses import dataclass
from pathlib import Path

from stream_app.embedded.disk import MIB, require_space
from stream_app.embedded.jars import class_path
from stream_app.embedded.java import find_java
from stream_app.embedded.kafka import Kafka
from stream_app.embedded.ports import choose_port, is_free, require_free
from stream_app.embedded.process import ServerProcess
from stream_app.embedded.progress import Listener
from stream_app.embedded.record import read_record
from stream_app.embedded.redis import Redis, find_redis
from stream_app.errors import Unavailable

ROOM = 512 * MIB
"""Free bytes wanted before the services start."""


@dataclass(frozen=True)
class Wanted:
    """What the caller asks for.

    Args:
        kafka_port: Port for Kafka, 0 for any.
        redis_port: Port for Redis, 0 for any.
        cache: Where the jars are kept.
        attached: Whether the servers die with this process.
    """

    kafka_port: int
    redis_port: int
    cache: Path
    attached: bool


def own_directory(data_dir: Path) -> Path:
    """Tell where in a data directory the embedded services keep their files.

    Args:
        data_dir: The data directory of the program, which others use too.

    Returns:
        The part that is theirs.

    Examples:
        >>> own_directory(Path("/data")).name
        'embedded'
    """
    return data_dir.resolve() / "embedded"


def running_servers(directory: Path) -> tuple[ServerProcess, ServerProcess]:
    """Give a hold on Kafka and Redis of a directory, without needing what it takes to start them.

    Args:
        directory: What `own_directory` tells; need not exist.

    Returns:
        Kafka's and Redis's process, each of which may or may not be running.
    """
    return ServerProcess("Kafka", directory / "kafka"), ServerProcess("Redis", directory / "redis")


def plan_servers(directory: Path, wanted: Wanted, listener: Listener) -> tuple[Kafka, Redis]:
    """Check what both servers need and describe them; nothing is started.

    Args:
        directory: Their directory, which the caller holds.
        wanted: What is asked for.
        listener: Hears of downloads.

    Returns:
        Both servers.

    Raises:
        Unavailable: If a port is taken, the disk is full, or Java, Redis or a jar cannot be had.
    """
    require_space(directory, ROOM, "the embedded services")
    if wanted.kafka_port:
        require_free(wanted.kafka_port, "Kafka", "--kafka-port")
    if wanted.redis_port:
        require_free(wanted.redis_port, "Redis", "--redis-port")
    binary, java = find_redis(), find_java()
    jars = class_path(wanted.cache, listener)
    kafka_port, redis_port, controller_port = _ports(directory, wanted)
    redis_version = ".".join(map(str, binary.version))
    listener.say(f"using Java {java.major} ({java.origin}) and Redis {redis_version} ({binary.origin})")
    kafka = Kafka(directory / "kafka", kafka_port, controller_port, java, jars, attached=wanted.attached)
    redis = Redis(directory / "redis", redis_port, binary, attached=wanted.attached)
    return kafka, redis


def refuse_second_instance(directory: Path) -> None:
    """Refuse a directory whose servers are running.

    Args:
        directory: What `own_directory` tells.

    Raises:
        Unavailable: If one of them is.
    """
    for server in running_servers(directory):
        process = server.process
        if process is not None:
            raise Unavailable(
                f"the data directory {directory.parent} is used by a running {server.name} "
                f"(pid {process.pid}): stop it with `lifecycle down --data-dir {directory.parent}` "
                "or choose another directory with --data-dir"
            )


def _ports(directory: Path, wanted: Wanted) -> tuple[int, int, int]:
    """Ports of Kafka, Redis and Kafka's controller: as wanted, else as last time, else any."""
    kafka, redis = running_servers(directory)
    kafka_port = wanted.kafka_port or _last_port(kafka)
    redis_port = wanted.redis_port or _last_port(redis)
    kafka_port = kafka_port or choose_port(frozenset({redis_port}))
    redis_port = redis_port or choose_port(frozenset({kafka_port}))
    return kafka_port, redis_port, choose_port(frozenset({kafka_port, redis_port}))


def _last_port(server: ServerProcess) -> int:
    """The port of last time, so that clients keep their address; 0 when there is none or it is taken."""
    record = read_record(server.pid_file)
    return record.port if record is not None and is_free(record.port) else 0

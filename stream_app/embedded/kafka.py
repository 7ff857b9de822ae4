"""How is one real Kafka broker run, small, alone and on loopback only?"""

import base64
import socket
import struct
import subprocess
import uuid
from collections.abc import Sequence
from pathlib import Path

from stream_app.embedded.java import Java
from stream_app.embedded.ports import LOOPBACK
from stream_app.embedded.server import Server
from stream_app.errors import Unavailable

LARGEST_RECORD = 10 * 1024 * 1024
"""Bytes: values of 8 MiB with their key, headers and batch around them."""

_JVM = (
    "-Xmx256m",
    "-XX:+UseSerialGC",  # one collector thread: less memory and, at this heap, shorter starts than G1
    "-XX:TieredStopAtLevel=1",  # a start in half the time for a broker that is rarely the bottleneck
    "-XX:+ExitOnOutOfMemoryError",
    "-XX:-UsePerfData",
    "-Djava.awt.headless=true",
    "-Djava.net.preferIPv4Stack=true",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
)

_PROPERTIES = """\
# Written at each start; changes made here are lost.
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller_port}
listeners=CLIENTS://{host}:{port},CONTROLLER://{host}:{controller_port}
advertised.listeners=CLIENTS://{host}:{port}
listener.security.protocol.map=CLIENTS:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=CLIENTS
controller.listener.names=CONTROLLER
log.dirs={data}
# A topic is created on purpose, with its settings, or not at all.
auto.create.topics.enable=false
# One broker: nothing can be replicated.
default.replication.factor=1
min.insync.replicas=1
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
# After a crash the broker waits until its former self counts as gone, by default 9 s.
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
# Fewer files than the 50 partitions that large clusters want.
offsets.topic.num.partitions=4
transaction.state.log.num.partitions=4
share.coordinator.state.topic.num.partitions=1
# A group of one or two local workers need not wait for stragglers.
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
message.max.bytes={largest}
replica.fetch.max.bytes={largest}
# Offsets of a consumer that was away for a holiday are still known.
offsets.retention.minutes=43200
# A heap of 256 MiB has no room for the cleaner's default of 128 MiB.
log.cleaner.dedupe.buffer.size=16777216
log.cleaner.threads=1
num.network.threads=2
num.io.threads=4
background.threads=2
num.recovery.threads.per.data.dir=1
"""


class Kafka(Server):
    """A Kafka 4 broker that is its own KRaft controller.

    Args:
        directory: Where its files live.
        port: Loopback port for clients.
        controller_port: Loopback port on which it talks to itself.
        java: The runtime.
        class_path: All its jars.
        attached: Whether it dies with this process.
    """

    def __init__(
        self,
        directory: Path,
        port: int,
        controller_port: int,
        java: Java,
        class_path: str,
        *,
        attached: bool = True,
    ) -> None:
        super().__init__("Kafka", directory, port, attached=attached)
        self.controller_port = controller_port
        self._java = java
        self._class_path = class_path

    @property
    def _configuration(self) -> Path:
        return self.directory / "server.properties"

    @property
    def _data(self) -> Path:
        return self.directory / "data"

    def prepare(self) -> None:
        """Write the configuration, and format the storage of a new data directory."""
        self._configuration.write_text(
            _PROPERTIES.format(
                host=LOOPBACK,
                port=self.port,
                controller_port=self.controller_port,
                data=self._data.resolve(),
                largest=LARGEST_RECORD,
            ),
            "utf-8",
        )
        if not (self._data / "meta.properties").exists():
            self._format()

    def command(self) -> Sequence[str]:
        """Say how the broker is called."""
        return self._run("kafka.Kafka", str(self._configuration))

    def is_ready(self) -> bool:
        """Ask for the cluster's brokers; it is ready when it counts itself among them."""
        return count_brokers(self.port) > 0

    def _run(self, main_class: str, *arguments: str) -> list[str]:
        return [str(self._java.path), *_JVM, "-cp", self._class_path, main_class, *arguments]

    def _format(self) -> None:
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()
        with self.log.open("ab") as output:
            answer = subprocess.run(  # noqa: S603 - our own command line, no shell
                self._run(
                    "kafka.tools.StorageTool",
                    "format",
                    f"--cluster-id={cluster}",
                    "-c",
                    str(self._configuration),
                ),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                check=False,
            )
        if answer.returncode != 0:
            raise Unavailable(
                f"cannot format Kafka's storage in {self._data}{self.quote_log()}: see {self.log}"
            )


def count_brokers(port: int, timeout_s: float = 1.0) -> int:
    """Ask a Kafka broker on loopback how many brokers its cluster has.

    A Metadata request (version 1, no topics) by hand: no client to start, no event loop to need.

    Args:
        port: Its port.
        timeout_s: Seconds to wait for connection and answer.

    Returns:
        The number of live brokers, 0 when nobody answers or it is not yet part of its cluster.
    """
    metadata, version, correlation, no_client, no_topics = 3, 1, 1, -1, 0
    request = struct.pack(">hhihi", metadata, version, correlation, no_client, no_topics)
    try:
        with socket.create_connection((LOOPBACK, port), timeout_s) as connection:
            connection.sendall(struct.pack(">i", len(request)) + request)
            size, _correlation, brokers = struct.unpack(">iii", _read(connection, 12))
    except (OSError, struct.error):
        return 0
    return int(brokers) if size >= 8 else 0


def _read(connection: socket.socket, size: int) -> bytes:
    received = b""
    while len(received) < size and (part := connection.recv(size - len(received))):
        received += part
    return received

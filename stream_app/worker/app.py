"""The Faust app: one agent a stream, the profile table, and the hooks by which Faust tells us what we own."""

import asyncio
from collections.abc import Callable
from typing import Any

import faust
from faust.tables.manager import TableManager
from faust.tables.recovery import Recovery
from faust.types import TP
from faust.types import Message as FaustMessage
from yarl import URL

from stream_app.errors import LifecycleAppError
from stream_app.kafka_clients import client_options
from stream_app.settings import Settings
from stream_app.topics import READ
from stream_app.worker.context import end_process
from stream_app.worker.ownership import Ownership
from stream_app.worker.transport import RunTransport

__all__ = ["LifecycleApp", "create_app"]


class _RunTopic(faust.Topic):
    """A topic whose messages are passed on as they are: the lanes decode, and know what to do with what they cannot."""

    def _compile_decode(self) -> None:
        async def decode(message: FaustMessage, *, propagate: bool = False) -> Any:  # noqa: ARG001
            return self._create_event(message.key, message.value, message.headers, message=message)

        self.decode = decode  # type: ignore[method-assign]  # Faust itself sets it per topic


class _Recovery(Recovery):
    """Faust's recovery with the reading of changelogs left to the table, which reads in runs and by position."""

    def need_recovery(self) -> bool:
        """Never by way of the streams: see `ProfileTable.on_recovery_completed`."""
        return False


class _Tables(TableManager):
    @property
    def recovery(self) -> Recovery:
        """The recovery service of this manager."""
        if self._recovery is None:
            self._recovery = _Recovery(self.app, self, beacon=self.beacon, loop=self.loop)
        return self._recovery


class ProfileTable(faust.Table):  # type: ignore[type-arg]  # not generic at run time
    """The profile table: Faust declares, assigns and names it; its partitions are kept by their lanes."""

    async def on_recovery_completed(self, active_tps: set[TP], standby_tps: set[TP]) -> None:
        """Take the assigned partitions over before their streams are resumed; end if that is refused."""
        app: Any = self.app
        committed = await app.consumer.seek_to_committed()
        offsets = {TP(tp.topic, tp.partition): offset for tp, offset in committed.items()}
        mine = {tp.partition for tp in active_tps}
        try:
            ends = await app.consumer.highwaters(*offsets)
            await app.gate.take_over(app.consumer_generation_id, mine, offsets, ends)
        except LifecycleAppError as error:
            end_process(error.sentence, error.exit_code)
        except Exception as error:  # noqa: BLE001 - Faust would log it and wait for ever
            end_process(
                f"the partitions could not be taken over ({type(error).__name__}: {error}); restart the worker"
            )
        await super().on_recovery_completed(active_tps, standby_tps)


class LifecycleApp(faust.App):
    """A Faust app whose transport delivers runs and whose commits come from marks.

    Attributes:
        gate: The lanes behind the agents.
        fetch_wait_ms: How long a fetch may wait for records.
        delivery: ``runs`` or ``single``.
    """

    gate: Ownership
    fetch_wait_ms: int = 50
    delivery: str = "runs"

    async def on_first_start(self) -> None:
        """Open the doors of the lanes before any partition can be assigned."""
        await self.gate.start()
        await super().on_first_start()

    async def on_stop(self) -> None:
        """Let what is in flight finish, commit it, and close the doors."""
        await self.gate.close()
        if self.consumer is not None and self.consumer.started:
            await self.consumer.commit()
        await super().on_stop()
        await self.gate.stop()

    async def _on_agent_error(self, agent: Any, exc: BaseException) -> None:
        """End: an agent that raised would be restarted by Faust and go on behind what it dropped."""
        if isinstance(exc, asyncio.CancelledError):
            return
        end_process(f"agent {agent.fun.__name__} failed ({type(exc).__name__}: {exc}); restart the worker")

    def _new_transport(self) -> Any:
        return RunTransport(self.conf.broker_consumer, self)


#: One worker has one app; what differs between workers is their settings.
_DEFAULTS: dict[str, Any] = {
    "processing_guarantee": "at_least_once",
    "stream_wait_empty": False,  # lanes hold acknowledgements across runs; they are drained by `Ownership.close`
    "stream_buffer_maxsize": 64,  # messages, each a whole run
    "stream_recovery_delay": 0.2,
    "stream_publish_on_commit": False,
    "broker_max_poll_records": 40_000,  # of all partitions; what Faust costs is paid for each run
    "broker_rebalance_timeout": 60.0,
    "broker_request_timeout": 90.0,
    "broker_max_poll_interval": 1000.0,
    "consumer_max_fetch_size": 4 << 20,
    "consumer_auto_offset_reset": "earliest",
    "table_standby_replicas": 0,
    "topic_allow_declare": False,  # `lifecycle topics` declares them, with what Faust does not know of
    "topic_disable_leader": True,
    "web_enabled": False,
    "worker_redirect_stdouts": False,
}


def create_app(settings: Settings, gate: Ownership) -> LifecycleApp:
    """Build the app of one worker.

    Args:
        settings: Settings of the process.
        gate: Owner of the lanes.
    """
    worker = settings.worker
    datadir = settings.data_dir / "worker"
    datadir.mkdir(parents=True, exist_ok=True)
    app = LifecycleApp(
        settings.prefix,
        broker=[URL(f"kafka://{address}") for address in settings.brokers],
        Topic=_RunTopic,
        TableManager=_Tables,
        datadir=str(datadir),
        topic_partitions=settings.topics.partitions,
        broker_session_timeout=worker.session_timeout / 1e6,
        broker_heartbeat_interval=worker.heartbeat / 1e6,
        broker_commit_interval=worker.commit_interval / 1e6,
        broker_credentials=_credentials(settings),
        **_DEFAULTS,
    )
    app.fetch_wait_ms = max(1, worker.fetch_wait // 1000)
    app.delivery = worker.delivery
    app.gate = gate
    app.tables.add(_table(app, settings.topics.partitions))
    for name in (*READ, "stage-changes", "churn-alerts"):
        topic = app.topic(f"{settings.topic_prefix}{name}", key_type=bytes, value_type=bytes)
        app.agent(topic, name=name)(_agent(app, name))
    return app


def _table(app: LifecycleApp, partitions: int) -> ProfileTable:
    return ProfileTable(app, name="profiles", key_type=bytes, value_type=bytes, partitions=partitions)


def _agent(app: LifecycleApp, name: str) -> Callable[[Any], Any]:
    async def consume(stream: Any) -> None:
        async for event in stream.noack().events():
            app.gate.accept(event.message)

    consume.__name__ = consume.__qualname__ = name.replace("-", "_")
    return consume


def _credentials(settings: Settings) -> Any:
    security = settings.kafka_security
    if security.protocol == "PLAINTEXT":
        return None
    context = client_options(settings).get("ssl_context")
    if security.protocol == "SSL":
        return faust.SSLCredentials(context=context)
    return faust.SASLCredentials(
        username=security.username,
        password=security.password.get_secret_value() if security.password else None,
        mechanism=security.mechanism,
        ssl_context=context,
    )

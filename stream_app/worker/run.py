"""Puts a worker together and runs it until it is told to stop."""

import asyncio
import time
from functools import partial
from typing import Any

import structlog
import uvloop
from faust.types import TP
from faust.worker import Worker

from state import Bounds
from stream_app.event_names import load_measures
from stream_app.garbage import WITH_A_BACKLOG, look_rarely
from stream_app.kafka_clients import client_options
from stream_app.model_topic_of import model_topic
from stream_app.redis_alerts import AlertBook
from stream_app.redis_connection import connect
from stream_app.redis_sink import RedisSink
from stream_app.scoring import scoring_for
from stream_app.settings import Settings
from stream_app.status_page import Check, serve_status
from stream_app.telemetry import WorkerMetrics
from stream_app.topic_admin import ensure
from stream_app.topics import changelog_name, declare
from stream_app.worker.app import LifecycleApp, create_app
from stream_app.worker.context import Context
from stream_app.worker.ownership import Ownership
from stream_app.worker.publisher import Publisher
from stream_app.worker.scraped import Scraped
from stream_app.worker.watchdog import Lease, Watchdog

__all__ = ["build_worker", "run_worker"]

log = structlog.get_logger(__name__)


def _now() -> int:
    return time.time_ns() // 1000


def build_worker(settings: Settings) -> tuple[LifecycleApp, Context]:
    """Compose a worker: everything that can be refused is refused here, before anything is consumed.

    Raises:
        Misconfigured: If a lifecycle, the measures or the Redis URL cannot be used.
    """
    scoring = scoring_for(settings)
    events = settings.events
    bounds = Bounds(events.max_event_bytes, events.earliest, events.max_future, events.max_amount)
    kinds = load_measures(settings)
    lease = Lease(settings.worker.session_timeout / 1e6)
    publisher = Publisher(client_options(settings), lease.check, frozenset({changelog_name(settings)}))
    context = Context(settings, scoring, publisher, WorkerMetrics(), _now)
    client, names = connect(settings.redis), [track.name for track in scoring.tracks]
    sink = RedisSink(
        client,
        settings.redis_prefix,
        names,
        stream_length=settings.sink.stream_maxlen,
    )
    book = AlertBook(client, settings.redis_prefix, names)
    gate = Ownership(context, sink, book, kinds, bounds, model_topic(settings), lease)
    return create_app(settings, gate), context


def run_worker(settings: Settings) -> None:
    """Run a worker in this process until SIGTERM or Ctrl-C.

    Raises:
        Misconfigured: If the configuration or an existing topic contradicts what the worker needs.
        Unavailable: If Kafka does not answer.
    """
    look_rarely(WITH_A_BACKLOG)
    loop = uvloop.new_event_loop()
    asyncio.set_event_loop(loop)  # Faust asks for the loop of the thread while its parts are put together
    app, context = build_worker(settings)
    options = client_options(settings)
    loop.run_until_complete(ensure(settings.kafka, declare(settings), options))
    context.metrics.registry.register(Scraped(app.gate, partial(_end_of, app)))
    where = settings.metrics
    checks: dict[str, list[Check]] = {
        "healthz": [partial(_stalled, context, app)],
        "readyz": [lambda: app.gate.unready],
    }
    port = serve_status(where.host, where.port, context.metrics.registry, checks)
    log.info("worker starts", kafka=settings.kafka, clock=settings.clock, metrics_port=port)
    watchdog = Watchdog(
        settings.worker.stalled_after / 1e6, lambda: _is_waiting(app), lambda: context.last_progress
    )
    watchdog.start()

    try:
        process = Worker(app, loop=loop, override_logging=False, loglevel=None, quiet=True)
        process.spinner = None  # it writes to the terminal past the log
        process.execute_from_commandline()
    finally:
        watchdog.stop()


def _end_of(app: LifecycleApp, tp: TP) -> int | None:
    """Where a topic-partition ends, as the last fetch has told."""
    consumer: Any = app.consumer  # ours, see `stream_app.worker.transport`; Faust's type says less
    end: int | None = None if consumer is None else consumer.end_of(tp)
    return end


def _stalled(context: Context, app: LifecycleApp) -> str | None:
    """Half the patience of the watchdog, so that a probe tells of a standstill before it ends the process."""
    silent = time.monotonic() - context.last_progress
    if _is_waiting(app) and silent > context.settings.worker.stalled_after / 2e6:
        return f"no progress for {silent:.0f} s although events wait"
    return None


def _is_waiting(app: LifecycleApp) -> bool:
    return app.gate.is_waiting

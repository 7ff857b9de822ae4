"""`lifecycle trainer`: the one model trainer."""

import asyncio
import signal
import time
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Annotated

import structlog
import typer
from prometheus_client import CollectorRegistry, ProcessCollector

from stream_app.logs import configure
from stream_app.model_file import load_models
from stream_app.model_metrics import ModelMetrics
from stream_app.model_topic_of import model_topic
from stream_app.options import ConfigFile, DataDir, Kafka, Lifecycles
from stream_app.pulse import Pulse
from stream_app.settings import Metrics, Settings, load_settings
from stream_app.status_page import Check, serve_status
from stream_app.topic_admin import ensure
from stream_app.topics import declare
from stream_app.trainer import Pace, Trainer


def trainer(
    config: ConfigFile = None,
    kafka: Kafka = None,
    data_dir: DataDir = None,
    lifecycle: Lifecycles = None,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Forget the models and learn the whole training topic again.")
    ] = False,
    load: Annotated[
        Path | None,
        typer.Option(
            "--load",
            metavar="FILE",
            help="Begin with the models that `lifecycle backtest --save-model FILE` learned from history.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Learn from every answered example, exactly once, and broadcast the models to the workers.

    One trainer learns at a time; others wait and take over within seconds when it dies. The models, their
    place in the training topic and their quality so far travel together in signed snapshots.
    """
    settings = load_settings(config, kafka=kafka, data_dir=data_dir, lifecycles=lifecycle)
    topic = model_topic(settings)
    start = None if load is None else partial(load_models, load, topic.key, topic.tasks)
    if start is not None:
        start()  # a file that cannot be used is told before anything is joined
    configure(settings.log)
    metrics, pulse = ModelMetrics(_now), Pulse()
    pace = Pace(broadcast_s=settings.models.broadcast_every / 1e6)
    running = Trainer(topic, _now, pace, rebuild=rebuild, start=start, on_change=metrics.update)
    _serve(metrics, settings.metrics, {"healthz": [pulse.check], "readyz": [lambda: running.unready]})
    asyncio.run(_until_told(settings, running, pulse))


async def _until_told(settings: Settings, trainer: Trainer, pulse: Pulse) -> None:
    """Check the two topics, run until SIGTERM or Ctrl-C, then publish what is new and leave."""
    own = {trainer.topic.training.topic, trainer.topic.models.topic}
    wanted = [topic for topic in declare(settings) if topic.name in own]
    await ensure(settings.kafka, wanted, trainer.topic.client)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    beating = asyncio.create_task(pulse.beat())
    try:
        await trainer.run(stop)
    finally:
        beating.cancel()


def _serve(metrics: ModelMetrics, where: Metrics, checks: Mapping[str, Iterable[Check]]) -> None:
    registry = CollectorRegistry()
    registry.register(metrics)
    ProcessCollector(registry=registry)
    port = serve_status(where.host, where.port, registry, checks)
    structlog.get_logger(__name__).info("metrics", address=f"http://{where.host}:{port}/metrics")


def _now() -> int:
    return time.time_ns() // 1000

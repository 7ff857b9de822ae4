"""`lifecycle deliver`: tells other systems."""

import asyncio
import signal
import time
from typing import TYPE_CHECKING, Annotated

import structlog
import typer

from stream_app.errors import Misconfigured
from stream_app.options import ConfigFile, DataDir, Kafka
from stream_app.settings import Settings, load_settings

if TYPE_CHECKING:
    from stream_app.delivery.destination import Destination
    from stream_app.delivery.metrics import DeliveryMetrics
    from stream_app.delivery.readiness import Readiness
    from stream_app.pulse import Pulse


def deliver(
    config: ConfigFile = None,
    kafka: Kafka = None,
    data_dir: DataDir = None,
    destination: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILE_OR_PRESET", help="A destination; may be given several times.", show_default=False
        ),
    ] = None,
) -> None:
    """Tell stage changes and churn alerts to webhooks, CRMs and Alertmanager, each at least once.

    Each destination reads on its own: one that is dead falls behind and holds nobody up. Several of these processes
    share the work.
    """
    from stream_app.delivery.destination import load_destinations  # noqa: PLC0415 - slow to import
    from stream_app.delivery.metrics import DeliveryMetrics  # noqa: PLC0415 - same
    from stream_app.delivery.readiness import Readiness  # noqa: PLC0415 - same
    from stream_app.logs import configure  # noqa: PLC0415 - same
    from stream_app.pulse import Pulse  # noqa: PLC0415 - same
    from stream_app.status_page import serve_status  # noqa: PLC0415 - same

    settings = load_settings(config, kafka=kafka, data_dir=data_dir, destinations=destination)
    if not settings.destinations:
        raise Misconfigured(
            "no destination: give --destination FILE_OR_PRESET, or set destinations in the file"
        )
    destinations = load_destinations(settings.destinations)
    configure(settings.log)
    metrics, pulse = DeliveryMetrics(), Pulse()
    readiness = Readiness(destination.name for destination in destinations)
    where, checks = settings.metrics, {"healthz": [pulse.check], "readyz": [readiness.check]}
    port = serve_status(where.host, where.port, metrics.registry, checks)
    address = f"http://{where.host}:{port}/metrics"
    structlog.get_logger(__name__).info("metrics", address=address)
    asyncio.run(_until_told(settings, destinations, metrics, readiness, pulse))


async def _until_told(
    settings: Settings,
    destinations: list["Destination"],
    metrics: "DeliveryMetrics",
    readiness: "Readiness",
    pulse: "Pulse",
) -> None:
    from stream_app.delivery.run import deliver_until  # noqa: PLC0415 - slow to import

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    beating = asyncio.create_task(pulse.beat())
    try:
        await deliver_until(stop, settings, destinations, metrics, readiness, lambda: time.time_ns() // 1000)
    finally:
        beating.cancel()

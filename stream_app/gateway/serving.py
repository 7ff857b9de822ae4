"""A gateway from start to end: socket, server, outbox, and what becomes of requests when it is told to stop."""

import asyncio
import socket
import time
from types import FrameType

import structlog
import uvicorn
import uvloop

from stream_app.errors import Misconfigured, Unavailable
from stream_app.event_names import load_measures
from stream_app.garbage import freeze, look_rarely
from stream_app.gateway.application import Application
from stream_app.gateway.figures import Figures
from stream_app.gateway.intake import Intake
from stream_app.gateway.keys import Keys
from stream_app.gateway.outbox import Outbox
from stream_app.gateway.profiles import Profiles
from stream_app.gateway.reception import Reception
from stream_app.gateway.webhooks import Webhooks
from stream_app.gateway.whole_answers import WholeAnswersProtocol
from stream_app.pulse import Pulse
from stream_app.redis_connection import connect
from stream_app.settings import Metrics, Settings
from stream_app.status_page import serve_status

_KEEP_ALIVE_S = 75  # longer than load balancers keep theirs, so that they close first


class SystemClock:
    """The clocks of this machine."""

    def now(self) -> int:
        """Microseconds since 1970."""
        return time.time_ns() // 1000

    def monotonic(self) -> float:
        """Seconds that only grow."""
        return time.monotonic()


async def serve(settings: Settings) -> None:
    """Take events until told to stop; then finish what has begun.

    Args:
        settings: Everything.

    Raises:
        Misconfigured: Without any key or webhook, if a source file is wrong, or topics contradict the configuration.
        Unavailable: If the address cannot be listened on.
    """
    keys = Keys(settings)
    if not keys.tenants:
        raise Misconfigured(
            "gateway: nobody may send; give --write-key KEY, or LIFECYCLE_GATEWAY__KEYS__NAME__KEY, "
            "or [gateway.keys.NAME] key in the configuration file"
        )
    clock, figures = SystemClock(), Figures()
    outbox = Outbox(settings, keys.tenants, clock.monotonic, clock.now)
    intake = Intake(load_measures(settings), settings.events)
    reception = Reception(settings.gateway, keys, intake, outbox, figures, clock)
    webhooks = Webhooks(settings, reception)
    client = connect(settings.redis) if settings.gateway.read_keys else None
    profiles = None if client is None else Profiles(client, keys, _lifecycles(settings), figures)
    app = Application(reception, webhooks, profiles, outbox, settings.gateway.cors_origins)
    figures.watch(lambda: outbox.waiting_bytes, lambda: outbox.reason is None)
    pulse = Pulse()
    with _listening(settings) as listener:
        _serve_figures(settings.metrics, figures, outbox, pulse)
        beating = asyncio.create_task(pulse.beat())
        look_rarely(100_000)
        freeze()
        outbox.open()
        try:
            await _answer(app, settings, listener, outbox)
        finally:
            beating.cancel()
            await outbox.close()
            if client is not None:
                await client.aclose()
    if outbox.wrong is not None:
        raise outbox.wrong


def run_gateway(settings: Settings) -> None:
    """Run `serve` on the fastest event loop there is."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(settings))


async def _answer(app: Application, settings: Settings, listener: socket.socket, outbox: Outbox) -> None:
    gateway = settings.gateway
    bounds = {"patience_s": gateway.request_timeout / 1e6, "most_connections": gateway.max_connections}
    config = uvicorn.Config(
        app.asgi,
        http=type("BoundedProtocol", (WholeAnswersProtocol,), bounds),
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=int(gateway.answer_within / 1e6) + 5,
    )
    host, port = listener.getsockname()[:2]
    structlog.get_logger(__name__).info("listening", address=f"http://{host}:{port}")
    server = _Server(config)
    outbox.on_wrong = server.leave
    await server.serve(sockets=[listener])


class _Server(uvicorn.Server):
    """Ends without raising its signal again: the caller still has to close the outbox."""

    def leave(self) -> None:
        """Stop gracefully."""
        self.should_exit = True

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - as the server calls it
        """Stop gracefully; at once when told again."""
        self.force_exit = self.should_exit
        self.should_exit = True


def _serve_figures(where: Metrics, figures: Figures, outbox: Outbox, pulse: Pulse) -> None:
    """Open the pages for operators on a port of their own: senders must not see them."""
    checks = {"healthz": [pulse.check], "readyz": [lambda: outbox.reason]}
    port = serve_status(where.host, where.port, figures.registry, checks)
    structlog.get_logger(__name__).info("metrics", address=f"http://{where.host}:{port}/metrics")


def _listening(settings: Settings) -> socket.socket:
    host, port = settings.gateway.host, settings.gateway.port
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise Unavailable(
            f"gateway: {host}:{port} cannot be listened on ({error.strerror}); choose another --host or --port"
        ) from None


def _lifecycles(settings: Settings) -> tuple[str, ...]:
    from stream_app.scoring import load_lifecycles  # noqa: PLC0415 - models are slow to import, and only readers need names

    return tuple(lifecycle.name for lifecycle in load_lifecycles(settings.lifecycles))

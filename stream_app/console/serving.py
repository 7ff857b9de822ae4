"""A console from start to end: store, followers, server."""

import asyncio
import os
import secrets
import socket
import time
from contextlib import suppress
from pathlib import Path

import structlog
import uvicorn

from stream_app.console.application import Application
from stream_app.console.context import Context
from stream_app.console.following import Follower
from stream_app.console.protection import Protection
from stream_app.console.sessions import Access
from stream_app.console.store import Store
from stream_app.console.vitals import Vitals
from stream_app.errors import Misconfigured, Unavailable
from stream_app.gateway.guard import GuardedProtocol
from stream_app.progress_display import ProgressDisplay
from stream_app.redis_connection import connect
from stream_app.scoring import load_lifecycles
from stream_app.settings import Settings

__all__ = ["listening", "serve", "store_path"]

_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_LEAST_TOKEN = 16


def store_path(settings: Settings) -> Path:
    """Where the history of these settings lies."""
    return settings.data_dir / "console" / f"{settings.prefix}.sqlite"


async def serve(settings: Settings, listener: socket.socket) -> None:
    """Show the console until told to stop.

    Args:
        settings: Everything.
        listener: From `listening`.

    Raises:
        Misconfigured: A token is too short, or a lifecycle file is wrong.
        Unavailable: The store cannot be used.
    """
    _check(settings)
    lifecycles = {one.name: one for one in load_lifecycles(settings.lifecycles)}
    lost = {
        name: frozenset(stage.name for stage in one.stages if stage.lost) for name, one in lifecycles.items()
    }
    store = Store(store_path(settings))
    redis = connect(settings.redis)
    follower = Follower(settings, store, lost)
    vitals = Vitals(settings, redis, tuple(lifecycles), _now)
    context = Context(settings, lifecycles, store, follower.progress, vitals, redis)
    key = _key(settings)
    access = Access(settings.console, key)
    app = Application(context, access, key, _now)
    try:
        async with (
            asyncio.TaskGroup() as group
        ):  # a follower that fails ends the console: it would show old figures
            works = (follower.follow(), vitals.watch(), vitals.follow_models(), _tell(follower))
            tasks = [group.create_task(work) for work in works]
            await _answer(app, settings, listener, access)
            for task in tasks:
                task.cancel()
    finally:
        await redis.aclose()
        store.close()


def listening(settings: Settings) -> socket.socket:
    """The socket of the console.

    Raises:
        Unavailable: If the address cannot be listened on.
    """
    host, port = settings.console.host, settings.console.port
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=128)
    except OSError as error:
        raise Unavailable(
            f"console: {host}:{port} cannot be listened on ({error.strerror}); choose another --host or --port"
        ) from None


def _check(settings: Settings) -> None:
    console = settings.console
    for name, token in console.tokens.items():
        if len(token.token.get_secret_value()) < _LEAST_TOKEN:
            raise Misconfigured(
                f"console.tokens.{name}.token is shorter than {_LEAST_TOKEN} characters: make one with `openssl rand "
                f"-hex 24`"
            )
    if console.user_header and not console.trusted_proxies:
        raise Misconfigured(
            "console.user_header is set and console.trusted_proxies is empty: name the addresses of the proxy, "
            "or nobody gets in"
        )


async def _answer(app: Application, settings: Settings, listener: socket.socket, access: Access) -> None:
    config = uvicorn.Config(
        Protection(app.asgi),
        http=type("ConsoleProtocol", (GuardedProtocol,), {"patience_s": 30.0, "most_connections": 256}),
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=5,
    )
    host, port = listener.getsockname()[:2]
    base = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    structlog.get_logger(__name__).info("listening", address=base)
    login = f"{base}/login?token={access.once}" if access.once else base
    # To standard output, not into the log: it opens the console.
    print(f"console: {login}", flush=True)  # noqa: T201 - the result of the command
    if host not in _LOOPBACK and not settings.console.secure_cookie:
        structlog.get_logger(__name__).warning(
            "the console is reachable from elsewhere without TLS",
            advice="put a proxy that speaks TLS before it, set secure_cookie",
        )
    server = uvicorn.Server(config)
    with suppress(asyncio.CancelledError, KeyboardInterrupt):
        await server.serve(sockets=[listener])


async def _tell(follower: Follower) -> None:
    """While the first start reads the topics back: how far it is."""
    await asyncio.sleep(2.0)
    progress = follower.progress
    if not progress.is_behind:
        return
    with ProgressDisplay("reading the topics back") as display:
        while progress.is_behind:
            display.show(progress.read, progress.total, f"{progress.read:,} of {progress.total:,} records")
            await asyncio.sleep(0.5)


def _key(settings: Settings) -> str:
    """The configured key, else one of this installation, so that sessions outlive a restart."""
    if settings.console.session_key is not None:
        return settings.console.session_key.get_secret_value()
    path = settings.data_dir / "console" / "session.key"
    try:
        with (
            suppress(FileExistsError),
            os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file,
        ):
            file.write(secrets.token_hex(32))
        return path.read_text()
    except OSError as error:
        raise Unavailable(
            f"the session key {path} cannot be kept ({error}): make the directory writable"
        ) from error


def _now() -> int:
    return time.time_ns() // 1000

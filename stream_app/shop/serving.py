"""A shop from start to end: socket, server, reader."""

import asyncio
import socket

import structlog
import uvicorn

from stream_app.errors import Unavailable
from stream_app.reader import AsyncStageReader
from stream_app.settings import Settings
from stream_app.shop.application import Shop
from stream_app.shop.welcomes import FIRST

LIFECYCLE = "shop"


async def serve(settings: Settings, host: str, port: int, gateway: str, write_key: str) -> None:
    """Keep the shop open until told to stop.

    Args:
        settings: Where Redis is.
        host: Address to listen on.
        port: Its port; 0 for a free one.
        gateway: Where browsers report to, ``http://host:port``.
        write_key: Their key.

    Raises:
        Unavailable: If the address cannot be listened on.
    """
    names = settings.lifecycles
    lifecycle = LIFECYCLE if LIFECYCLE in names[1:] else None
    with _listening(host, port) as listener:
        async with AsyncStageReader(
            settings.redis, default_stage=FIRST, prefix=settings.prefix, lifecycle=lifecycle
        ) as reader:
            config = uvicorn.Config(
                Shop(reader, gateway, write_key).asgi,
                ws="none",
                lifespan="off",
                access_log=False,
                log_config=None,
                server_header=False,
                timeout_graceful_shutdown=1,  # pages that wait for a change of stage would wait for long
            )
            address = f"http://{host}:{listener.getsockname()[1]}"
            structlog.get_logger(__name__).info("open", address=address, gateway=gateway)
            await uvicorn.Server(config).serve(sockets=[listener])


def run_shop(settings: Settings, host: str, port: int, gateway: str, write_key: str) -> None:
    """Run `serve`."""
    asyncio.run(serve(settings, host, port, gateway, write_key))


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=128)
    except OSError as error:
        raise Unavailable(
            f"shop: {host}:{port} cannot be listened on ({error.strerror}); choose another --host or --port"
        ) from None

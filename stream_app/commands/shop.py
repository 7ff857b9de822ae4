"""`lifecycle shop`: the sample storefront."""

from typing import Annotated

import typer

from stream_app import options


def shop(
    gateway: Annotated[
        str, typer.Option("--gateway", metavar="URL", help="Where browsers report to.")
    ] = "http://127.0.0.1:8080",
    write_key: Annotated[
        str, typer.Option("--write-key", metavar="KEY", help="The gateway's key for this shop.")
    ] = "shop",
    config: options.ConfigFile = None,
    redis: options.Redis = None,
    lifecycle: options.Lifecycles = None,
    host: Annotated[str, typer.Option("--host", metavar="ADDRESS", help="Where to listen.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", metavar="PORT", min=0, max=65_535, help="Its port; 0 takes a free one.")
    ] = 8090,
) -> None:
    """Open a sample shop that reports through a browser SDK and greets each visitor by lifecycle stage.

    `lifecycle demo --shop` starts it with everything that it needs. Started by itself it uses a gateway, a worker with
    --lifecycle shop, and a Redis that run already. It is an example: it has no passwords and charges nobody.
    """
    from stream_app.errors import Misconfigured  # noqa: PLC0415 - the command line stays fast
    from stream_app.logs import configure  # noqa: PLC0415
    from stream_app.settings import load_settings  # noqa: PLC0415
    from stream_app.shop.serving import run_shop  # noqa: PLC0415

    settings = load_settings(config, redis=redis, lifecycles=lifecycle or None)
    configure(settings.log)
    if not gateway.startswith(("http://", "https://")):
        raise Misconfigured("--gateway: wants an address such as http://127.0.0.1:8080")
    run_shop(settings, host, port, gateway.rstrip("/"), write_key)

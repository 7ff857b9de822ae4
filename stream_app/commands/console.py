"""`lifecycle console`: the web console."""

import asyncio
from typing import Annotated

import typer

from stream_app.options import ConfigFile, DataDir, Kafka, Lifecycles, Redis


def console(
    config: ConfigFile = None,
    kafka: Kafka = None,
    redis: Redis = None,
    data_dir: DataDir = None,
    lifecycle: Lifecycles = None,
    host: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Where to listen; 127.0.0.1 by default.", show_default=False),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            metavar="PORT", help="Its port; 8090 by default, 0 takes a free one.", show_default=False
        ),
    ] = None,
) -> None:
    """Show lifecycle, transitions, customers, who is at risk, models and health in a browser.

    Prints its address. Without tokens in the configuration a token is made for this run, and the address carries
    it. History is kept
    in the data directory; the first start reads the topics back.
    """
    from stream_app.console.serving import listening, serve  # noqa: PLC0415 - the command line stays fast
    from stream_app.logs import configure  # noqa: PLC0415 - same
    from stream_app.settings import load_settings  # noqa: PLC0415 - same

    settings = load_settings(
        config,
        kafka=kafka,
        redis=redis,
        data_dir=data_dir,
        lifecycles=lifecycle or None,
        console={"host": host, "port": port},
    )
    configure(settings.log)
    with listening(settings) as listener:
        asyncio.run(serve(settings, listener))

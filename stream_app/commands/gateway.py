"""``lifecycle gateway``: take events over HTTP."""

from typing import Annotated

import typer

from stream_app import options


def gateway(
    config: options.ConfigFile = None,
    kafka: options.Kafka = None,
    redis: options.Redis = None,
    lifecycle: options.Lifecycles = None,
    host: Annotated[
        str | None,
        typer.Option(
            "--host", metavar="ADDRESS", help="Where to listen; 127.0.0.1 by default.", show_default=False
        ),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            "--port",
            metavar="PORT",
            help="Its port; 8080 by default, 0 takes a free one.",
            show_default=False,
        ),
    ] = None,
    write_key: Annotated[
        list[str] | None,
        typer.Option(
            "--write-key",
            metavar="KEY",
            help="Who knows it may send; may be given several times. Others see it in the list of processes: "
            "prefer LIFECYCLE_GATEWAY__KEYS__NAME__KEY.",
            show_default=False,
        ),
    ] = None,
    read_key: Annotated[
        str | None,
        typer.Option("--read-key", metavar="KEY", help="Who knows it may read profiles.", show_default=False),
    ] = None,
) -> None:
    """Take events over HTTP as analytics SDKs, CloudEvents and webhooks send them, and put them into Kafka.

    An answer of success means that every replica of Kafka has the events. SIGTERM or Ctrl-C finishes the requests that
    have begun.
    """
    from stream_app.gateway.serving import run_gateway  # noqa: PLC0415 - the command line stays fast
    from stream_app.logs import configure  # noqa: PLC0415
    from stream_app.settings import load_settings  # noqa: PLC0415

    settings = load_settings(
        config,
        kafka=kafka,
        redis=redis,
        lifecycles=lifecycle or None,
        gateway={
            "host": host,
            "port": port,
            "keys": {f"flag-{number}": {"key": key} for number, key in enumerate(write_key or (), 1)},
            "read_keys": {} if read_key is None else {"flag": {"key": read_key}},
        },
    )
    configure(settings.log)
    run_gateway(settings)

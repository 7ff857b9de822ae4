"""``lifecycle worker``: run a scoring worker."""

from typing import Annotated, Literal

import typer

from stream_app import options


def worker(
    config: options.ConfigFile = None,
    kafka: options.Kafka = None,
    redis: options.Redis = None,
    data_dir: options.DataDir = None,
    lifecycle: options.Lifecycles = None,
    clock: Annotated[
        Literal["wall", "event"] | None,
        typer.Option(
            "--clock",
            help="wall: silence is measured against the wall clock. event: time is what events and ticks say, for replays.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Run a scoring worker; any number of them form one consumer group and share the partitions.

    It reads the source topics, keeps a profile of each customer, publishes stage changes, alerts and training examples,
    and writes Redis. SIGTERM or Ctrl-C finishes what is in flight and commits it.
    """
    from stream_app.logs import configure  # noqa: PLC0415 - the command line stays fast
    from stream_app.settings import load_settings  # noqa: PLC0415
    from stream_app.worker.run import run_worker  # noqa: PLC0415

    settings = load_settings(
        config, kafka=kafka, redis=redis, data_dir=data_dir, lifecycles=lifecycle or None, clock=clock
    )
    configure(settings.log)
    run_worker(settings)

"""`lifecycle demo`: the main job on embedded services with the bundled data, explained."""

import signal
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console as Terminal

from stream_app.errors import Misconfigured
from stream_app.event_names import load_measures
from stream_app.options import AsJson, ConfigFile, DataDir, Lifecycles
from stream_app.settings import load_settings
from stream_app.source_options import BUNDLED, DEFAULT_SEED, Limit, Seed, asked_source, wall_clock


def demo(
    limit: Limit = None,
    leave: Annotated[bool, typer.Option("--exit", help="End when everything is scored and learned.")] = False,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave Kafka and Redis running in the background at the end.")
    ] = False,
    shop: Annotated[
        bool,
        typer.Option(
            "--shop",
            help="Instead of replaying history, open a sample shop whose visitors are scored as they browse.",
        ),
    ] = False,
    console: Annotated[
        bool | None,
        typer.Option(
            "--console/--no-console",
            help="Open the console beside it; by default unless --exit or --json is given.",
            show_default=False,
        ),
    ] = None,
    seed: Seed = DEFAULT_SEED,
    config: ConfigFile = None,
    data_dir: DataDir = None,
    lifecycle: Lifecycles = None,
    as_json: AsJson = False,
) -> None:
    """Run the main job on embedded Kafka and Redis with the bundled real data, and explain it.

    Starts the services on free loopback ports, a worker, a trainer and the console; replays two years of real orders, with
    simulated browsing and e-mail around them, through Kafka; prints stages, transitions, churn risks, model quality
    and throughput; and goes on until Ctrl-C, or ends by itself with --exit.

    With --limit the events are those of whole histories, of as many customers as it takes: so a short run too goes
    through silence, returns and answered questions.

    Everything is kept in the folder demo of the data directory, which each demo empties first. If `lifecycle up` runs
    in the data directory and nothing is in its topics yet, the demo uses those services and leaves them running.

    With --shop there is no replay: a gateway and a small storefront start beside a worker with the wall clock, and the
    shop greets each visitor by stage. With --exit it checks itself, and closes.
    """
    for number in (signal.SIGINT, signal.SIGTERM):  # a shell that starts it with & has it ignore the first
        signal.signal(number, signal.default_int_handler)
    if shop:
        if console is not None:
            raise Misconfigured(
                "--shop: has no console beside it; `lifecycle console` shows one for its services"
            )
        _open_shop(config, data_dir, limit, lifecycle, stay=not leave, keep=keep, as_json=as_json)
        return
    from stream_app.demo.run import Asked, Demo  # noqa: PLC0415 - the command line stays fast
    from stream_app.demo.story import report  # noqa: PLC0415 - same
    from stream_app.demo.summary import Summary  # noqa: PLC0415 - same

    settings = load_settings(config, data_dir=data_dir, lifecycles=lifecycle or None)
    source = asked_source(
        settings,
        load_measures(settings),
        BUNDLED,
        "online-retail",
        received_at=wall_clock(),
        limit=limit,
        simulate=True,
        seed=seed,
        sample=True,
    )
    asked = Asked(
        settings, source.records, limit, keep, config, has_console(console, leave=leave, as_json=as_json)
    )
    running = Demo(asked, Terminal(stderr=True, highlight=False))

    def present(summary: Summary) -> None:
        if as_json:
            typer.echo(msgspec.json.encode(summary).decode())
        else:
            typer.echo(f"\n{report(summary, running.lifecycles)}\n")

    running.run(present, stay=not leave)


def has_console(asked: bool | None, *, leave: bool, as_json: bool) -> bool:
    """Tell whether the console opens: as asked, else for people who stay.

    Examples:
        >>> has_console(None, leave=False, as_json=False), has_console(None, leave=True, as_json=False)
        (True, False)
        >>> has_console(None, leave=False, as_json=True), has_console(True, leave=True, as_json=True)
        (False, True)
    """
    return asked if asked is not None else not (leave or as_json)


def _open_shop(
    config: Path | None,
    data_dir: Path | None,
    limit: int | None,
    lifecycle: list[str] | None,
    *,
    stay: bool,
    keep: bool,
    as_json: bool,
) -> None:
    from stream_app.demo.storefront import Opening, Storefront, opening  # noqa: PLC0415 - the command line stays fast

    if limit is not None or lifecycle:
        raise Misconfigured(
            "--shop: replays nothing and has a lifecycle of its own; leave --limit and --lifecycle out"
        )

    def present(found: Opening) -> None:
        typer.echo(msgspec.json.encode(found).decode() if as_json else f"\n{opening(found)}\n")

    settings = load_settings(config, data_dir=data_dir)
    Storefront(settings, config, Terminal(stderr=True, highlight=False)).run(present, stay=stay, keep=keep)

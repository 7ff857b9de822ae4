"""Which command is asked for, and how does it end?

Every command is one file, ``stream_app/commands/<name>.py``, with a function of the command's name whose
signature is its options. Only the asked file is imported: ``lifecycle --help`` answers at once.

Exit codes: 0 success, 1 the work failed, 2 wrong usage or configuration, 130 stopped with Ctrl-C. Errors are
one line on standard error; ``LIFECYCLE_TRACEBACK=1`` shows where an unexpected one came from.
"""

import importlib
import os
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import version
from io import TextIOWrapper
from typing import Annotated, Any, Final

import typer
from typer.exceptions import TyperException

from stream_app.errors import LifecycleAppError

COMMANDS: Final = {
    "demo": "Run the main job on embedded Kafka and Redis with the bundled real data, and explain it.",
    "up": "Start the embedded Kafka and Redis as background services.",
    "down": "Stop the embedded services.",
    "status": "Say which embedded services run, and where.",
    "topics": "Create or check every topic.",
    "worker": "Run a scoring worker; any number of them share the work.",
    "trainer": "Run the one model trainer; a second one waits as a standby.",
    "gateway": "Take events over HTTP, and give profiles to those without Redis.",
    "console": "Show lifecycle, customers, risks, models and health in a browser.",
    "shop": "Open the sample shop, which greets its visitors by stage.",
    "replay": "Send a data set or JSON Lines file into the topics.",
    "backtest": "Run the same step in one process, without Kafka or Redis, and report.",
    "show": "Show what Redis serves for one customer, and its recent journey.",
    "alerts": "List, explain and acknowledge churn alerts.",
    "deliver": "Tell stage changes and churn alerts to webhooks, CRMs and Alertmanager.",
    "deliveries": "Show what was tried for a destination, and what came of it.",
    "redeliver": "Send what was published in a period to a destination again.",
    "letters": "List dead letters, show one as it came, and send repaired ones again.",
    "republish": "Rebuild everything in Redis from the workers' tables.",
    "erase": "Forget one customer everywhere, and prove it.",
    "dashboards": "Write the Grafana dashboards as JSON.",
    "unmerge": "Take an id out of the customer that it was merged into.",
    "check": "Validate the configuration and print it resolved, secrets redacted.",
}
USAGE, INTERRUPTED = 2, 130


def build(arguments: Sequence[str]) -> typer.Typer:
    """Return the command line in which the command that *arguments* ask for is real.

    The others are known by name and summary only: their files are not imported.

    Args:
        arguments: The command line without the program name.
    """
    app = typer.Typer(
        name="lifecycle",
        help="Knows at every moment at which lifecycle stage each customer is.",
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_top)
    wanted = next((word for word in arguments if not word.startswith("-")), None)
    for name, summary in COMMANDS.items():
        app.command(name, short_help=summary)(_function(name) if name == wanted else _listed)
    return app


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code; errors are one line on standard error."""
    try:
        result = build(arguments)(args=list(arguments), prog_name="lifecycle", standalone_mode=False)
    except BrokenPipeError:
        _close_output()
        return 1
    except (KeyboardInterrupt, typer.Abort):
        result = INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the last line of defence: whatever it is, it is reported in one line
        return _report(error)
    if result == INTERRUPTED:
        return _fail("stopped", INTERRUPTED)
    return result if isinstance(result, int) else 0


def main() -> None:
    """Entry point of the command ``lifecycle``."""
    if isinstance(sys.stdout, TextIOWrapper):  # a character that the terminal lacks must not cost the result
        sys.stdout.reconfigure(errors="backslashreplace")
    sys.exit(run(sys.argv[1:]))


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"lifecycle {version('lifecycle-scoring')}")
        raise typer.Exit


def _top(
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and end."),
    ] = False,
) -> None:
    """Knows at every moment at which lifecycle stage each customer is.

    Every command explains itself with --help. Settings come from a file (--config or LIFECYCLE_CONFIG), then
    from LIFECYCLE_* variables, then from flags.
    """


def _listed() -> None:
    """Stands for a command that was not asked for, so that the list of commands names it."""


def _function(name: str) -> Callable[..., Any]:
    function: Callable[..., Any] = getattr(importlib.import_module(f"stream_app.commands.{name}"), name)
    return function


def _report(error: Exception) -> int:
    if isinstance(error, LifecycleAppError):
        return _fail(error.sentence, error.exit_code)
    if isinstance(error, TyperException):
        sentence = " ".join(error.format_message().split()).rstrip(".")
        return _fail(
            f"{sentence}; `lifecycle --help` and `lifecycle COMMAND --help` say what is possible", USAGE
        )
    if os.environ.get("LIFECYCLE_TRACEBACK"):
        raise error
    where = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return _fail(" ".join(f"unexpected {where} (LIFECYCLE_TRACEBACK=1 shows where)".split()), 1)


def _fail(sentence: str, code: int) -> int:
    print(f"lifecycle: {sentence}", file=sys.stderr, flush=True)  # noqa: T201 - the one line of an error
    return code


def _close_output() -> None:
    """Point standard output at nothing: its reader is gone, and the interpreter flushes once more."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    main()

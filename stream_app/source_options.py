"""Flags by which `replay` and `backtest` choose a source, and what they mean: the same everywhere."""

import itertools
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from xxhash import xxh3_64_intdigest

from state import Bounds, MeasureMap
from stream_app.bundled import bundled
from stream_app.errors import Misconfigured
from stream_app.settings import Settings
from stream_app.simulator import SEED, simulate_touches
from stream_app.sources import FORMATS, Columns, Record, Source, open_source, topic_chooser

__all__ = ["asked_source", "bounds_of", "wall_clock"]

BUNDLED = "bundled"
BUNDLED_FORM = "online-retail"
SIMULATED = "browsing, e-mail, service, social and ad touches are simulated; orders are real"

TOUCHES_PER_ORDER = 9  # a little fewer than the simulator makes, so that a sample is never too small

SourceName = Annotated[
    str,
    typer.Argument(
        metavar="SOURCE",
        help="A file, plain or .gz, .xz, .bz2; - is standard input; 'bundled' is Online Retail II.",
    ),
]
Format = Annotated[str, typer.Option("--format", metavar="FORMAT", help=f"One of {', '.join(FORMATS)}.")]
Limit = Annotated[
    int | None, typer.Option("--limit", min=1, help="Only the first N events.", show_default=False)
]
Order = Annotated[str, typer.Option("--order", help="'time': by event time; 'arrival': as the file has it.")]
TopicMap = Annotated[
    Path | None,
    typer.Option(
        "--topic-map",
        metavar="FILE",
        help='TOML lines "Event Name" = "topic" that win over the measures file.',
        show_default=False,
    ),
]
ColumnOf = Annotated[
    list[str] | None,
    typer.Option(
        "--column",
        metavar="FIELD=COLUMN",
        help="For --format csv: customer, timestamp, event, messageId, or a property such as revenue.",
        show_default=False,
    ),
]
EventName = Annotated[
    str, typer.Option("--event", metavar="NAME", help="For --format csv: the event name of every row.")
]
Rename = Annotated[
    list[str] | None,
    typer.Option(
        "--rename",
        metavar="TEXT=NAME",
        help="For --format csv: what the event column says, and the event name that is meant.",
        show_default=False,
    ),
]
SimulateTouches = Annotated[
    bool,
    typer.Option(
        "--simulate-touches", help="Add simulated browsing, e-mail and other touches around the orders."
    ),
]
Seed = Annotated[int, typer.Option("--seed", help="Of the simulated touches.")]
DEFAULT_SEED = SEED


def wall_clock() -> int:
    """Read the processing time, in microseconds since 1970 UTC: only commands do."""
    return time.time_ns() // 1_000


def bounds_of(settings: Settings) -> Bounds:
    """Return what the settings hold to be believable of an event."""
    events = settings.events
    return Bounds(
        max_bytes=events.max_event_bytes,
        earliest=events.earliest,
        max_future=events.max_future,
        max_amount=events.max_amount,
    )


def asked_source(
    settings: Settings,
    kinds: MeasureMap,
    name: str,
    form: str,
    *,
    received_at: int,
    limit: int | None = None,
    order: str = "time",
    topic_map: Path | None = None,
    column: Sequence[str] | None = None,
    event: str = "",
    rename: Sequence[str] | None = None,
    simulate: bool = False,
    seed: int = SEED,
    sample: bool = False,
) -> Source:
    """Open the source that the flags ask for.

    Args:
        settings: Settings of the process.
        kinds: Which event name counts as what.
        name: A file, or ``bundled``.
        form: Its format.
        received_at: Time of arrival (µs) against which event times are judged.
        limit: Only the first records.
        order: ``time`` or ``arrival``.
        topic_map: File that chooses topics by event name.
        column: Column mappings of a CSV file.
        event: Event name of every row of a CSV file.
        rename: Event names of a CSV file, as they are meant.
        simulate: Add simulated touches around the orders.
        seed: Of the simulation.
        sample: With a limit, take it from whole histories of a sample of the customers, so that even a short run goes
            through silence, returns and the horizons of labels.

    Raises:
        Misconfigured: If a flag says what cannot be meant.
        SourceUnreadable: When the records are read.
    """
    path: str | Path = name
    if name == BUNDLED and not Path(name).exists():
        path, form = bundled("data", "online_retail_ii_orders.csv.gz"), _bundled_form(form)
    topic_of = topic_chooser(kinds, topic_map)
    columns = Columns(_pairs(column, "--column"), event, _pairs(rename, "--rename")) if column else None
    source = open_source(
        path,
        form,
        topic_of=topic_of,
        kinds=kinds,
        bounds=bounds_of(settings),
        received_at=received_at,
        columns=columns,
        order=order,
    )
    records, notice = source.records, source.notice
    if sample and limit is not None:
        records = iter(whole_histories(records, max(1, limit // TOUCHES_PER_ORDER) if simulate else limit))
    if simulate:
        records = simulate_touches(records, topic_of, seed)
        notice = "; ".join(filter(None, (notice, SIMULATED)))
    return replace(source, records=itertools.islice(records, limit), notice=notice)


def _bundled_form(form: str) -> str:
    """The format of the bundled data, which nobody need name: *form* is the default, or it, or a mistake."""
    if form not in (FORMATS[0], BUNDLED_FORM):
        raise Misconfigured(f"--format {form}: the bundled data are {BUNDLED_FORM}; leave --format out")
    return BUNDLED_FORM


def whole_histories(records: Iterable[Record], least: int) -> list[Record]:
    """Records of as many customers as it takes to have *least*, each with all of theirs, still in order.

    Customers are taken in the order of a hash of their ids, so that the sample is the same every time.
    """
    everything = list(records)
    numbers = Counter(record.customer for record in everything)
    chosen: set[str] = set()
    taken = 0
    for customer in sorted(numbers, key=lambda customer: xxh3_64_intdigest(customer.encode())):
        if taken >= least:
            break
        chosen.add(customer)
        taken += numbers[customer]
    return [record for record in everything if record.customer in chosen]


def _pairs(given: Sequence[str] | None, flag: str) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for pair in given or ():
        name, equals, value = pair.partition("=")
        if not (name and equals and value):
            raise Misconfigured(f"{flag} {pair}: is no pair; write {flag} NAME=VALUE")
        pairs[name] = value
    return pairs

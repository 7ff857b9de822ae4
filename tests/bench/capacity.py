"""``python -m tests.bench.capacity`` derives the tables of ``deploy/CAPACITY.md`` from the results in the README."""

import re
from math import ceil
from pathlib import Path
from typing import NamedTuple

from tests.bench.table import README

DOCUMENT = Path(__file__).parents[2] / "deploy" / "CAPACITY.md"

#: What the document says as long as some of its figures are of an earlier kind.
NOT_RUN = "`growth` has not been run at full size.\n\n"

Figures = dict[str, dict[str, dict[str, float]]]

#: Customers and events/s of the rows.
SCALES = (
    (10**6, 10**4), (10**6, 10**5), (10**8, 10**4), (10**8, 10**5), (10**8, 10**6), (10**9, 10**5), (10**9, 10**6),
)  # fmt: skip
#: Share of what a worker can do that is planned with.
HEADROOM = 0.75
#: Beyond this a worker with its table in memory is told to be several, or to keep it on disk.
_LARGEST_GB = 16.0
_SHARD_GB = 24.0
_REPLICAS = 3
#: Written by one broker at most, MB/s.
_BROKER_MB = 300.0
EVENT_KB, CHANGE_KB, PROFILE_KB = 0.35, 0.6, 1.06
"""As the simulated shop sends them, before compression; a profile is one of the customers who come."""


class Measured(NamedTuple):
    """What the tables rest on."""

    rate: float
    cpu_us: float
    broker_us: float
    resident_mib: float
    bytes_per_customer: float
    redis_bytes: float
    profiles: float
    changes: float
    recovered: float
    restart_s: float
    restart_tenth_s: float
    caught_up_memory_s: float
    caught_up_disk_s: float
    sink: float

    @property
    def planned(self) -> int:
        """Events/s of a worker that is planned with."""
        return int(HEADROOM * self.rate // 500 * 500)

    @property
    def base_gb(self) -> float:
        """Resident memory of a worker at work besides its table; `throughput` has 200,000 customers."""
        return round(self.resident_mib * 2**20 / 1e9 - 200_000 * self.bytes_per_customer / 1e9, 1)


def figures(results: str) -> Figures:
    r"""The first table of every section, by benchmark, contender and figure.

    Examples:
        >>> figures("### redis\n\nOn it.\n\n| | per second | note |\n| --- | ---: | ---: |\n| sink | 1,500 |  |\n\n")
        {'redis': {'sink': {'per second': 1500.0}}}
    """
    found: Figures = {}
    for name, text in re.findall(r"^### (\w+)\n(.*?)(?=^### |\Z)", results, re.MULTILINE | re.DOTALL):
        lines = [
            line.strip("| ").split(" |") for line in re.findall(r"^\|.*", text.split("\n\n")[1], re.MULTILINE)
        ]
        names = [cell.strip("| ") for cell in lines[0]]
        found[name] = {
            cells[0].strip(): {
                label: float(cell.replace(",", ""))
                for label, cell in zip(names, cells[1:], strict=False)
                if re.fullmatch(r" *-?[\d,.]+(e[-+]\d+)? *", cell)
            }
            for cells in lines[2:]
        }
    return found


def measured(found: Figures) -> Measured:
    """Pick what capacity rests on."""
    ours, recovery, growth = found["throughput"]["ours"], found["recovery"], found["growth"]
    largest = growth["1000000"]
    return Measured(
        ours["events per second"],
        ours["cpu us per event"],
        ours["broker cpu us per event"],
        ours["resident mib"],
        largest["resident bytes per customer"],
        largest["redis bytes per customer"],
        largest["anybody profiles per event"],
        largest["anybody stage changes per event"],
        recovery["memory"]["records per second"],
        recovery["rocksdb"]["restart seconds"],
        recovery["rocksdb_tenth"]["restart seconds"],
        recovery["kill_memory"]["kill to caught up seconds"],
        recovery["kill_rocksdb"]["kill to caught up seconds"],
        found["redis"]["sink"]["changes per second"],
    )


def basis(it: Measured) -> str:
    """What was measured, as Markdown."""
    rows = (
        ("one worker process (one core): the whole job, 200,000 customers with half a year of history",
         f"{it.rate:,.0f} events/s, {it.cpu_us:.0f} CPU µs per event", "`throughput`"),
        ("broker CPU for one event: source, changelog, outputs", f"{it.broker_us:.0f} µs", "`throughput`"),
        ("resident memory of a worker at work, besides its table", f"{it.base_gb:.1f} GB", "`throughput`, `growth`"),
        ("resident memory, table in memory", f"{it.bytes_per_customer:,.0f} bytes per customer", "`growth`"),
        ("profiles written per event", f"{it.profiles:.2f}", "`growth`, 1,000,000 customers, anybody comes"),
        ("stage changes per event", f"{it.changes:.3f}", "`growth`, likewise"),
        ("Redis: hash and ranking of one customer", f"{it.redis_bytes:,.0f} bytes", "`growth`, `MEMORY USAGE`"),
        ("stage changes that one process writes to one Redis", f"{it.sink:,.0f}/s", "`redis`"),
        ("start from the changelog, table in memory", f"{it.recovered:,.0f} customers/s", "`recovery`, 1,000,000 customers"),
        ("start from the table on disk (`rocksdb`)",
         f"{it.restart_s:.2f} s with 1,000,000 customers, {it.restart_tenth_s:.2f} s with 100,000", "`recovery`"),
        ("kill -9 until caught up",
         f"{it.caught_up_disk_s:.0f} s (disk), {it.caught_up_memory_s:.0f} s (memory), 15 s of it `worker.session_timeout`",
         "`recovery`"),
    )  # fmt: skip
    return _table(("", "figure", "from"), rows, "---")


def plan(it: Measured) -> str:
    """What each scale needs, as Markdown."""
    heads = (
        "customers", "events/s", "workers", "partitions", "memory of a worker (table in memory)", "start of a worker",
        "brokers (3 replicas)", "written per broker", "Redis memory", "changes/s", "Redis shards",
    )  # fmt: skip
    return _table(heads, [_row(it, *scale) for scale in SCALES], "---:")


def _row(it: Measured, customers: int, events: int) -> tuple[str, ...]:
    workers = max(2, ceil(events / it.planned))
    memory = _memory(it, customers, workers)
    many = workers
    while _memory(it, customers, many) > _LARGEST_GB:
        many *= 2
    told, start = _gigabytes(memory), _time(customers / workers / it.recovered)
    if many > workers:
        told += f": take `rocksdb`, or {many} workers of {_memory(it, customers, many):.0f} GB"
        start += f"; {_time(customers / many / it.recovered)} with {many}"
    written = events * (EVENT_KB + it.profiles * PROFILE_KB + it.changes * CHANGE_KB) / 1000 * _REPLICAS
    brokers = max(_REPLICAS, ceil(written / _BROKER_MB), ceil(events * it.broker_us / 1e6 / 4 * _REPLICAS))
    redis = customers * it.redis_bytes / 1e9
    changes = events * it.changes
    shards = _power_of_two(max(redis / _SHARD_GB, changes / (it.sink / 2)))
    return (
        _count(customers), f"{events:,}", str(workers), f"{_power_of_two(4 * many):,}", told, start, str(brokers),
        f"{written / brokers:.0f} MB/s", _gigabytes(redis), f"{changes:,.0f}",
        str(shards),
    )  # fmt: skip


def _memory(it: Measured, customers: int, workers: int) -> float:
    return customers / workers * it.bytes_per_customer / 1e9 + it.base_gb


def _gigabytes(number: float) -> str:
    return f"{number:.2g} GB" if number < 100 else f"{number:,.0f} GB"


def _power_of_two(least: float) -> int:
    return 1 << max(0, ceil(least) - 1).bit_length()


def _count(customers: int) -> str:
    return "1 billion" if customers == 10**9 else f"{customers // 10**6} million"


def _time(seconds: float) -> str:
    return f"{max(1, seconds):.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def _table(
    heads: tuple[str, ...], rows: tuple[tuple[str, ...], ...] | list[tuple[str, ...]], align: str
) -> str:
    lines = [heads, tuple([align] * len(heads)), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines).replace("|  |", "| |") + "\n"


def filled(document: str, tables: dict[str, str]) -> str:
    r"""A document with the tables behind its marks replaced.

    Examples:
        >>> filled("<!-- table: a -->\n\n| old |\n\nrest\n", {"a": "| new |\n"})
        '<!-- table: a -->\n\n| new |\n\nrest\n'
    """
    for name, table in tables.items():
        document = re.sub(
            rf"(<!-- table: {name} -->\n\n)(?:\|.*\n)*", lambda mark, table=table: mark[1] + table, document
        )
    return document


def derived() -> str:
    """The document as the results have it."""
    it = measured(figures(README.read_text("utf-8")))
    document = DOCUMENT.read_text("utf-8").replace(NOT_RUN, "")
    return filled(document, {"basis": basis(it), "plan": plan(it)})


if __name__ == "__main__":
    DOCUMENT.write_text(derived(), "utf-8")

"""What a benchmark says: figures, ratios and targets, as JSON and as tables."""

import os
import platform
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import msgspec
import orjson
import psutil
from rich.console import Console
from rich.table import Table

console = Console(stderr=True)


class Target(msgspec.Struct):
    """What must be shown, and whether it was.

    Args:
        target: In words, such as ``>= 10``.
        met: Whether this run met it.
    """

    target: str
    met: bool


class Report(msgspec.Struct):
    """The result of one benchmark, as the contracts have it.

    Args:
        name: The benchmark.
        machine: Where it ran, in general terms.
        figures: By contender.
        ratios: By name.
        targets: By name, of a ratio or of a figure.
        sizes: How much of everything was used.
    """

    name: str
    machine: dict[str, Any] = {}
    figures: dict[str, dict[str, Any]] = {}
    ratios: dict[str, float] = {}
    targets: dict[str, Target] = {}
    sizes: dict[str, Any] = {}

    def judge(self, name: str, value: float, sign: Literal["<=", ">=", "=="], limit: float) -> None:
        """Record a value against its target."""
        met = {"<=": value <= limit, ">=": value >= limit, "==": value == limit}[sign]
        self.targets[name] = Target(f"{sign} {limit:g}", met)

    def ratio(self, name: str, value: float, sign: Literal["<=", ">="], limit: float) -> None:
        """Record a ratio and hold it against its target."""
        self.ratios[name] = round(value, 4)
        self.judge(name, value, sign, limit)

    def write(self, path: Path | None) -> None:
        """Write the JSON, and show everything on standard error."""
        self.machine = machine()
        if path is not None:
            path.write_bytes(orjson.dumps(msgspec.to_builtins(self), option=orjson.OPT_INDENT_2) + b"\n")
        self._show()

    def _show(self) -> None:
        table = Table("contender", "figure", "value", title=self.name)
        for contender, figures in self.figures.items():
            for number, (name, value) in enumerate(_flat(figures)):
                table.add_row("" if number else contender, name, _text(value), end_section=False)
            table.add_section()
        console.print(table)
        verdicts = Table("ratio or figure", "value", "target", "met")
        for name in [*self.ratios, *(name for name in self.targets if name not in self.ratios)]:
            target = self.targets.get(name)
            met = "" if target is None else "[green]yes" if target.met else "[red]no"
            verdicts.add_row(name, _text(self.ratios.get(name, "")), target.target if target else "", met)
        console.print(verdicts)


def machine() -> dict[str, Any]:
    """This machine in general terms: cores, memory, processor, Python."""
    return {
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "processor": _processor(),
        "system": platform.system(),
        "python": platform.python_version(),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")),
        platform.machine(),
    )


def _flat(figures: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in figures.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:,.3g}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)

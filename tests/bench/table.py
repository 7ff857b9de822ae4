"""Puts results into the README: ``python -m tests.bench.table FILE.json …`` replaces the section of each file's benchmark.

Sections of other benchmarks stay. ``--note TEXT`` says under which conditions these were made, if not on a machine of
their own.
"""

import argparse
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from tests.bench.__main__ import NAMES
from tests.bench.report import Report

README = Path(__file__).with_name("README.md")
_BEGIN = "<!-- results: written by python -m tests.bench.table -->\n"
_SHOWN = (
    "events_per_second", "changes_per_second", "records_per_second", "cpu_us_per_event", "cpu_us_per_change",
    "overhead_cpu_us_per_event", "broker_cpu_us_per_event", "redis_cpu_us_per_event", "p50_ms", "p95_ms", "p99_ms",
    "p99_9_ms", "ready_seconds", "restart_seconds", "kill_to_taken_over_seconds", "kill_to_caught_up_seconds",
    "anybody_cpu_us_per_event", "anybody_profiles_per_event", "anybody_stage_changes_per_event", "dead_letters",
    "resident_mib", "resident_bytes_per_customer", "redis_bytes_per_customer", "timers_us_per_event", "differs",
    "bytes_per_record", "server_ms", "browser_ms",
    "examples", "auc", "log_loss", "brier", "ece", "auc_less", "log_loss_less", "accuracy", "stay_ece", "moves",
    "mae", "bias", "gini", "top_tenth_lift", "r", "alpha", "a", "b", "features", "predict_us", "learn_us",
    "seeds", "events", "faults", "lost", "doubled", "wrong", "replayed_per_fault", "pause_p50_seconds",
    "pause_max_seconds", "catch_up_p50_seconds", "catch_up_p95_seconds", "catch_up_max_seconds",
    "resident_mib_per_hour", "seconds",
)  # fmt: skip
#: What a name means elsewhere: the seconds of a start say less than its rate.
_LEFT_OUT = {"recovery": ("seconds",)}


def section(report: Report, note: str = "") -> str:
    """The result of one benchmark as Markdown."""
    left_out = _LEFT_OUT.get(report.name, ())
    shown = [
        name
        for name in _SHOWN
        if name not in left_out and any(name in figures for figures in report.figures.values())
    ]
    lines = [f"### {report.name}", "", f"{_where(report)} {note}".rstrip(), ""]
    lines += [
        f"| | {' | '.join(name.replace('_', ' ') for name in shown)} |",
        "| --- |" + " ---: |" * len(shown),
    ]
    for contender, figures in report.figures.items():
        lines.append(f"| {contender} | {' | '.join(_text(figures.get(name)) for name in shown)} |")
    lines += ["", "| | value | target | met |", "| --- | ---: | --- | --- |"]
    for name in dict.fromkeys([*report.ratios, *report.targets]):
        target = report.targets.get(name)
        verdict = f"{target.target} | {'yes' if target.met else '**no**'}" if target else " | "
        lines.append(f"| {name} | {_text(report.ratios.get(name))} | {verdict} |")
    parts = report.figures.get("profile", {}).get("us_per_event_by_part")
    if parts:
        lines += ["", "| part | CPU µs per event |", "| --- | ---: |"]
        lines += [f"| {name} | {_text(value)} |" for name, value in parts.items()]
    return "\n".join(lines) + "\n"


def _where(report: Report) -> str:
    machine = report.machine
    sizes = ", ".join(
        f"{name.replace('_', ' ')} {_text(value)}"
        for name, value in report.sizes.items()
        if value is not False
    )
    return (
        f"On {machine['cores']} cores of a machine with {machine['memory_gib']} GiB ({machine['processor']}), Python "
        f"{machine['python']}; {sizes}."
    )


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    if isinstance(value, list):
        return " … ".join(map(_text, value))
    return f"{value:,}" if isinstance(value, int) else str(value)


def replaced(results: str, fresh: Mapping[str, str]) -> str:
    r"""Results with the sections of some benchmarks replaced or added, in the order of `NAMES`.

    Examples:
        >>> replaced("### growth\n\nold\n\n### redis\n\nkept\n", {"growth": "### growth\n\nnew\n"})
        '### growth\n\nnew\n\n### redis\n\nkept\n'
    """
    parts = re.split(r"^### (\w+)\n", results, flags=re.MULTILINE)
    kept = {
        name: f"### {name}\n{text.rstrip()}\n" for name, text in zip(parts[1::2], parts[2::2], strict=True)
    }
    sections = {**kept, **fresh}
    return "\n".join(sections[name] for name in NAMES if name in sections)


def main() -> None:
    """Rewrite what stands behind the marker."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--note", default="")
    given = parser.parse_args()
    reports = [msgspec.json.decode(path.read_bytes(), type=Report) for path in given.files]
    told, begin, results = README.read_text("utf-8").partition(_BEGIN)
    fresh = {report.name: section(report, given.note) for report in reports}
    README.write_text(f"{told}{begin}\n{replaced(results, fresh)}", "utf-8")


if __name__ == "__main__":
    main()

"""Puts results into the README: ``python -m tests.bench.table FILE.json …`` replaces its tables by those of the files.

``--note TEXT`` says under which conditions they were made, if not on a machine of their own.
"""

import argparse
from pathlib import Path
from typing import Any

import msgspec

from tests.bench.report import Report

README = Path(__file__).with_name("README.md")
_BEGIN = "<!-- results: written by python -m tests.bench.table -->"
_SHOWN = (
    "events_per_second", "changes_per_second", "records_per_second", "cpu_us_per_event", "cpu_us_per_change",
    "overhead_cpu_us_per_event", "broker_cpu_us_per_event", "redis_cpu_us_per_event", "p50_ms", "p95_ms", "p99_ms",
    "p99_9_ms", "ready_seconds", "restart_seconds", "kill_to_taken_over_seconds", "kill_to_caught_up_seconds",
    "resident_mib", "resident_bytes_per_customer", "timers_us_per_event", "differs",
    "seconds", "bytes_per_record", "server_ms", "browser_ms",
    "examples", "auc", "log_loss", "brier", "ece", "auc_less", "log_loss_less", "accuracy", "stay_ece", "moves",
    "mae", "bias", "gini", "top_tenth_lift", "r", "alpha", "a", "b", "features", "predict_us", "learn_us",
)  # fmt: skip


def tables(report: Report) -> str:
    """The result of one benchmark as Markdown."""
    shown = [name for name in _SHOWN if any(name in figures for figures in report.figures.values())]
    lines = [f"### {report.name}", "", ", ".join(f"{key} {value}" for key, value in report.sizes.items()), ""]
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


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    if isinstance(value, list):
        return " … ".join(map(_text, value))
    return f"{value:,}" if isinstance(value, int) else str(value)


def main() -> None:
    """Rewrite everything after the marker."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--note", default="")
    given = parser.parse_args()
    reports = [msgspec.json.decode(path.read_bytes(), type=Report) for path in given.files]
    machine = reports[0].machine
    where = (
        f"On {machine['cores']} cores of a machine with {machine['memory_gib']} GiB ({machine['processor']}), Python "
        f"{machine['python']}; Kafka, Redis, the producer and the contender share them. {given.note}"
    ).rstrip()
    told = README.read_text("utf-8").partition(_BEGIN)[0]
    README.write_text(told + "\n\n".join([_BEGIN, where, *map(tables, reports)]), "utf-8")


if __name__ == "__main__":
    main()

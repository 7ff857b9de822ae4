"""``python -m tests.bench NAME [--json FILE] [--quick] [sizes]``."""

import argparse
import asyncio
import importlib
import logging
import sys
from pathlib import Path

NAMES = (
    "throughput",
    "latency",
    "recovery",
    "growth",
    "scale",
    "redis",
    "gateway",
    "faults",
    "garbage",
    "metrics",
    "models",
    "console",
)


def main() -> int:
    """Run one benchmark.

    Each is a module with `add_options` (sizes), `QUICK` (sizes of a smoke run) and `run`, which returns a report.
    """
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__, add_help=False)
    parser.add_argument("name", choices=NAMES)
    name = parser.parse_known_args()[0].name
    bench = importlib.import_module(f"tests.bench.{name}")
    parser = argparse.ArgumentParser(
        prog=f"python -m tests.bench {name}",
        description=bench.__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("name", choices=[name])
    parser.add_argument("--json", type=Path, default=None, help="where the result goes")
    parser.add_argument("--quick", action="store_true", help="a smoke run: the sizes prove nothing")
    bench.add_options(parser)
    if "--quick" in sys.argv:
        parser.set_defaults(**bench.QUICK)
    options = parser.parse_args()
    logging.basicConfig(level=logging.ERROR)
    report = asyncio.run(bench.run(options))
    report.write(options.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Contenders as processes: started, watched from outside while they work, and stopped."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Any, NamedTuple, Self

import psutil

from tests.bench.report import console

TOP = Path(__file__).resolve().parents[2]
_EVERY_S = 0.2


class ContenderError(RuntimeError):
    """A contender ended before its work did; the message quotes what it said last."""


class Running:
    """A process of ours, as a context manager: at the end it is stopped, with SIGTERM first.

    Args:
        name: What the display calls it.
        arguments: After the Python interpreter.
        log: Where its output goes.
        environment: Variables besides those of this process.
        python: Interpreter; by default this one.
    """

    def __init__(
        self,
        name: str,
        arguments: Sequence[str],
        log: Path,
        environment: Mapping[str, str] | None = None,
        python: str = sys.executable,
    ) -> None:
        self.name = name
        self.log = log
        self._command = [python, *arguments]
        kept = {key: value for key, value in os.environ.items() if not key.startswith("LIFECYCLE_")}
        self._environment = {**kept, "PYTHONPATH": str(TOP), **(environment or {})}
        self._process: subprocess.Popen[bytes]
        self._watched: psutil.Process

    def __enter__(self) -> Self:
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=self._environment,
                cwd=TOP,
            )
        self._watched = psutil.Process(self._process.pid)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Ask it to end, and make it end."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(30)
        self.kill()

    def kill(self) -> None:
        """Kill it as a crash would."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    @property
    def has_ended(self) -> bool:
        """Whether it has ended by itself."""
        return self._process.poll() is not None

    def check(self) -> None:
        """Raise unless it runs, or has ended in order."""
        if self._process.poll() not in (None, 0):
            said = self.log.read_text("utf-8", "replace").strip().splitlines()[-8:]
            raise ContenderError(
                f"{self.name} ended with code {self._process.returncode}:\n" + "\n".join(said)
            )

    def wait(self, seconds: float) -> None:
        """Wait until it ends in order."""
        self._process.wait(seconds)
        self.check()

    def cpu(self) -> float:
        """CPU seconds of the process so far, user and system, all threads."""
        with suppress(psutil.Error):
            times = self._watched.cpu_times()
            self._cpu = times.user + times.system
        return self._cpu

    _cpu = 0.0

    def resident(self) -> int:
        """Resident bytes."""
        with suppress(psutil.Error):
            return int(self._watched.memory_info().rss)
        return 0


class Sample(NamedTuple):
    """One look: seconds, events finished, CPU seconds of the contender, and of the services by name."""

    at: float
    position: int
    cpu: float
    services: dict[str, float]


Position = Callable[[], Awaitable[int]]


async def watch(
    processes: Sequence[Running],
    position: Position,
    total: int,
    *,
    services: Mapping[str, psutil.Process] | None = None,
    seconds: float = 600.0,
) -> list[Sample]:
    """Look at running processes until they have finished *total* events or the time is up."""
    samples: list[Sample] = []
    started = monotonic()
    with console.status("") as status:
        while monotonic() - started < seconds:
            at = await position()
            samples.append(
                Sample(
                    monotonic(),
                    at,
                    sum(process.cpu() for process in processes),
                    {name: _cpu_of(process) for name, process in (services or {}).items()},
                )
            )
            rate = (samples[-1].position - samples[max(0, len(samples) - 25)].position) / (
                samples[-1].at - samples[max(0, len(samples) - 25)].at or 1
            )
            status.update(f"{processes[0].name}: {at:,} of {total:,} events, {rate:,.0f}/s")
            if at >= total:
                break
            for process in processes:
                process.check()
            await asyncio.sleep(_EVERY_S)
    return samples


def _cpu_of(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def steady(samples: Sequence[Sample], total: int) -> dict[str, float]:
    """Rate and cost from the first progress to 95 % of the events: orders, which are read first, are part of it."""
    moves = [(now, before) for before, now in pairwise(samples) if now.position > before.position]
    kept = [now for now, _ in moves if now.position <= 0.95 * total]
    if len(kept) < 2:
        kept = [now for now, _ in moves]
    if len(kept) < 2:
        kept = [samples[0], samples[-1]]
    first, last = kept[0], kept[-1]
    events = max(last.position - first.position, 1)
    seconds = last.at - first.at or 1e-9
    figures = {
        "events_per_second": round(events / seconds, 1),
        "cpu_us_per_event": round((last.cpu - first.cpu) / events * 1e6, 3),
        "cores_used": round((last.cpu - first.cpu) / seconds, 3),
        "steady_events": events,
        "steady_seconds": round(seconds, 2),
    }
    for name, cpu in last.services.items():
        figures[f"{name}_cpu_us_per_event"] = round((cpu - first.services[name]) / events * 1e6, 3)
    return figures


def together(measured: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Several runs of one contender as one: all their steady parts, one after the other.

    Args:
        measured: What `steady` says of each.
    """
    events, seconds = (sum(each[name] for each in measured) for name in ("steady_events", "steady_seconds"))
    found: dict[str, Any] = {
        "events_per_second": round(events / seconds, 1),
        "events_per_second_by_round": " ".join(f"{each['events_per_second']:.0f}" for each in measured),
    }
    for name in measured[0]:
        if name.endswith("_per_event"):
            found[name] = round(sum(each[name] * each["steady_events"] for each in measured) / events, 3)
    return found

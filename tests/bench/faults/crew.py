"""Workers and their supervisor: who dies is started again, as any supervisor would, and it is written down."""

import builtins
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path
from typing import NamedTuple
from urllib.request import urlopen

import orjson

from tests.integration.workers import Tenant

#: Seconds that a worker may take to begin, on a machine that has much else to do.
_PATIENCE_S = 300.0
#: The kind of exception in the sentence of a worker that could not go on.
_CAUSE = re.compile(r"(?:failed|taken over) \((\w+): ")


class Exit(NamedTuple):
    """A worker that ended by itself."""

    slot: int
    code: int
    said: str

    @property
    def is_crash(self) -> bool:
        """Whether it was a mistake in the program, not its judgement that it must end, nor a server that refused."""
        named = _CAUSE.search(self.said)
        error = getattr(builtins, named[1], None) if named else None
        return not self.said or (error is not None and not issubclass(error, OSError))


class _Slot:
    def __init__(self, number: int) -> None:
        self.number = number
        self.process: subprocess.Popen[bytes] | None = None
        self.log = Path()
        self.more: dict[str, str] = {}
        self.is_wanted = False


class Crew:
    """The workers of one tenant.

    Args:
        tenant: Its environment is theirs; each worker has a data directory of its own.
        program: Arguments of the Python interpreter.
    """

    def __init__(self, tenant: Tenant, program: Sequence[str] = ("-m", "stream_app")) -> None:
        self.exits: list[Exit] = []
        self.started = 0
        self.logs: list[Path] = []
        self._tenant = tenant
        self._program = [*program]
        self._slots: dict[int, _Slot] = {}
        self._lock = threading.RLock()
        self._over = threading.Event()
        self._supervisor = threading.Thread(target=self._supervise, name="supervisor", daemon=True)
        self._supervisor.start()

    # --------------------------------------------------------------- workers

    def start(self, slot: int, **more: str) -> None:
        """Start a worker, and keep one running in this slot from now on."""
        with self._lock:
            each = self._slots.setdefault(slot, _Slot(slot))
            each.is_wanted = True
            each.more = {**each.more, **more}
            self._launch(each)

    def data(self, slot: int) -> Path:
        """Local disk of a slot."""
        return self._tenant.directory / f"data-{slot}"

    def _launch(self, slot: _Slot) -> None:
        self.started += 1
        slot.log = self._tenant.directory / f"worker-{slot.number}-{self.started}.log"
        self.logs.append(slot.log)
        clean = {name: value for name, value in os.environ.items() if not name.startswith("LIFECYCLE_")}
        environment = {
            **clean,
            **self._tenant.environment,
            "LIFECYCLE_DATA_DIR": str(self.data(slot.number)),
            "LIFECYCLE_LOG__FORMAT": "json",
            **slot.more,
        }
        with slot.log.open("wb") as stderr:
            slot.process = subprocess.Popen(
                [sys.executable, *self._program, "worker", "--clock", "event"],
                env=environment, stdout=subprocess.DEVNULL, stderr=stderr,
            )  # fmt: skip

    def kill(self, slot: int, *, restart: bool = True) -> None:
        """SIGKILL; the supervisor starts the next one unless told otherwise."""
        with self._lock:
            self._slots[slot].is_wanted = False
            process = self._process(slot)
            process.kill()
            process.wait()
            if restart:
                self.start(slot)

    def stop(self, slot: int) -> int:
        """SIGTERM: end in order; its exit code."""
        with self._lock:
            self._slots[slot].is_wanted = False
            process = self._process(slot)
        process.terminate()
        try:
            return process.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()

    def pause(self, slot: int) -> None:
        self._process(slot).send_signal(signal.SIGSTOP)

    def resume(self, slot: int) -> None:
        self._process(slot).send_signal(signal.SIGCONT)

    def pid(self, slot: int) -> int:
        return self._process(slot).pid

    def pids(self) -> list[int]:
        """Of the workers that run."""
        running = [slot.process for slot in list(self._slots.values())]
        return [each.pid for each in running if each is not None and each.poll() is None]

    def _process(self, slot: int) -> "subprocess.Popen[bytes]":
        process = self._slots[slot].process
        assert process is not None
        return process

    # ------------------------------------------------------------ the others

    def await_owners(self, seconds: float = _PATIENCE_S) -> None:
        """Wait until some worker has taken partitions over."""
        end = time.monotonic() + seconds
        while not any(b'"partitions taken over"' in log.read_bytes() for log in self.logs):
            assert time.monotonic() < end, "no worker has taken partitions over: " + self.last_words()
            time.sleep(0.1)

    def await_shares(self, seconds: float = _PATIENCE_S) -> None:
        """Wait until every worker that is to run owns partitions, each partition once."""
        end = time.monotonic() + seconds
        while not self._is_shared():
            assert time.monotonic() < end, "the partitions are not shared: " + self.last_words()
            time.sleep(0.1)

    def _is_shared(self) -> bool:
        with self._lock:
            shares = [_owned(slot.log.read_bytes()) for slot in self._slots.values() if slot.is_wanted]
        owned = [partition for share in shares for partition in share]
        return all(shares) and sorted(owned) == [*range(self._tenant.partitions)]

    def await_ready(self, slot: int, seconds: float = _PATIENCE_S) -> None:
        """Wait until the worker of a slot is at work; before that it knows no orderly end."""
        end = time.monotonic() + seconds
        while b"Worker ready" not in self._slots[slot].log.read_bytes():
            assert time.monotonic() < end, "the worker is not ready: " + self.last_words()
            time.sleep(0.1)

    def metrics(self, patience: float) -> dict[Path, bytes]:
        """What workers that run show of their counters, by log; each may take *patience* seconds to answer."""
        pages = {}
        for log in list(self.logs):
            if (port := _port(log.read_bytes())) is None:
                continue
            url = f"http://127.0.0.1:{port}/metrics"
            # One may be killed in the middle of its answer.
            with suppress(OSError, HTTPException), urlopen(url, timeout=patience) as page:
                pages[log] = page.read()
        return pages

    def last_words(self) -> str:
        return " | ".join(_complaint(log) for log in self.logs[-4:])

    def complaints(self) -> list[str]:
        """What workers told the operator."""
        return [line for log in self.logs if (line := _complaint(log))]

    def _supervise(self) -> None:
        while not self._over.wait(0.2):
            with self._lock:
                for slot in self._slots.values():
                    process = slot.process
                    if not slot.is_wanted or process is None or process.poll() is None:
                        continue
                    self.exits.append(Exit(slot.number, process.returncode, _complaint(slot.log)))
                    self._launch(slot)

    def end(self) -> None:
        """Leave no process behind."""
        self._over.set()
        self._supervisor.join()
        for slot in self._slots.values():
            if slot.process is not None and slot.process.poll() is None:
                slot.process.kill()
                slot.process.wait()


def environment_of(more: Mapping[str, str]) -> dict[str, str]:
    """This process's environment without settings of ours, and *more*."""
    return {**{k: v for k, v in os.environ.items() if not k.startswith("LIFECYCLE_")}, **more}


def _complaint(log: Path) -> str:
    lines = [
        line for line in log.read_text("utf-8", "replace").splitlines() if line.startswith("lifecycle: ")
    ]
    return lines[-1] if lines else ""


def _owned(log: bytes) -> list[int]:
    """Partitions that a worker has taken over last."""
    lines = [line for line in log.splitlines() if b'"partitions taken over"' in line]
    return orjson.loads(lines[-1])["partitions"] if lines else []


def _port(log: bytes) -> int | None:
    for line in log.splitlines()[:20]:
        if b'"worker starts"' in line:
            return int(orjson.loads(line)["metrics_port"])
    return None

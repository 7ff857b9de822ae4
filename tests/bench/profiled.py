"""A worker that tells where its CPU time goes: ``python -m tests.bench.profiled FILE worker …`` writes shares by part.

A signal looks at the stacks of all threads after every few milliseconds of CPU time, and weighs each look by the CPU
time that the thread has really used since the look before. The worker runs at nearly its usual speed, unlike under a
tracing profiler, which makes small functions look expensive; and calls that wait do not attract the looks, as they
would those of a thread that itself waits for the interpreter.
"""

import signal
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from types import CodeType, FrameType

import orjson

_EVERY_S = 0.003
#: Part by what the path of the code contains; the first that fits, for the innermost frame that fits any.
_PARTS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("timers", ("state/due.py",)),
    (
        "decode",
        ("state/events.py", "state/wire.py", "state/amounts.py", "state/envelope.py", "worker/intake.py"),
    ),
    ("fold", ("state/profile.py", "state/sessions.py", "state/dedup.py", "state/plan.py")),
    ("features", ("state/features.py", "state/order_features.py")),
    (
        "rules",
        (
            "scorers/lifecycle.py",
            "scorers/crossing.py",
            "scorers/journey.py",
            "<decide_",
            "<remains_",
            "<holds_",
        ),
    ),
    ("predict", ("scorers/",)),
    ("encode", ("state/codec.py",)),
    ("outputs", ("stream_app/outputs.py",)),
    ("labels", ("state/labels.py", "stream_app/questions.py")),
    ("redis", ("stream_app/redis_", "/redis/", "worker/sink_lane.py")),
    ("produce", ("worker/publisher.py", "worker/changelog.py", "worker/journal.py", "aiokafka/producer/")),
    ("fetch", ("aiokafka/consumer/", "worker/bare_records.py", "worker/consumer_thread.py")),
    ("align", ("stream_app/alignment.py",)),
    (
        "step",
        (
            "stream_app/step.py",
            "stream_app/engine.py",
            "stream_app/as_of_now.py",
            "stream_app/shelf.py",
            "stream_app/effects.py",
            "stream_app/latest.py",
            "stream_app/schedule.py",
            "stream_app/alerting.py",
            "stream_app/judgement.py",
            "stream_app/scoring.py",
        ),
    ),
    ("delivery", ("stream_app/",)),
    ("faust", ("/faust/", "/mode/")),
    (
        "kafka client",
        (
            "aiokafka/client.py",
            "aiokafka/conn.py",
            "aiokafka/protocol/",
            "aiokafka/metrics/",
            "aiokafka/consumer/",
        ),
    ),
)
_START = "start-up"
#: The engine's loop over timers; what it calls has parts of its own.
_TIMERS = frozenset({"_advance", "pass_time"})


class Sampler:
    """Weighs the parts of all threads; made in the main thread.

    Args:
        path: Written every second: CPU seconds by part.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seconds: Counter[str] = Counter()
        self._functions: Counter[str] = Counter()
        self._used: dict[int, float] = {}
        self._known: dict[CodeType, str | None] = {}
        self._is_working = False
        self._is_looking = False
        self._main = threading.get_ident()
        self._written = time.monotonic()

    def start(self) -> None:
        """Look from now on."""
        signal.signal(signal.SIGPROF, self._look)
        signal.setitimer(signal.ITIMER_PROF, _EVERY_S, _EVERY_S)

    def _look(self, _signal: int, frame: FrameType | None) -> None:
        if self._is_looking:  # the next signal came while this one was still answered
            return
        self._is_looking = True
        for ident, other in sys._current_frames().items():
            if ident != self._main:
                self._weigh(ident, other)
        if frame is not None:
            self._weigh(self._main, frame)
        if time.monotonic() - self._written > 1.0:
            self._written = time.monotonic()
            self._write()
        self._used[self._main] = time.thread_time()  # what looking costs is nobody's
        self._is_looking = False

    def _weigh(self, ident: int, frame: FrameType) -> None:
        try:
            used = time.clock_gettime(time.pthread_getcpuclockid(ident))
        except OSError:
            return
        spent = used - self._used.get(ident, used)
        self._used[ident] = used
        part = self._part(frame)
        self._is_working = (
            self._is_working or part == "decode"
        )  # what lies before the first event is the start-up
        if spent <= 0 or not self._is_working or part == _START:
            return
        self._seconds[part] += spent
        code = frame.f_code
        self._functions[f"{'/'.join(Path(code.co_filename).parts[-2:])}:{code.co_name}"] += spent

    def _part(self, frame: FrameType | None) -> str:
        while frame is not None:
            code = frame.f_code
            if code not in self._known:
                self._known[code] = _part_of(code)
            part = self._known[code]
            if part is not None:
                return part
            frame = frame.f_back
        return "event loop"

    def _write(self) -> None:
        fresh = self._path.with_suffix(".new")
        functions = dict(self._functions.most_common(60))
        fresh.write_bytes(orjson.dumps({"parts": dict(self._seconds), "functions": functions}))
        fresh.replace(self._path)


def _part_of(code: CodeType) -> str | None:
    path = code.co_filename.replace("\\", "/")
    if code.co_name == "<module>" or "importlib" in path:
        return _START
    if code.co_name in _TIMERS and "stream_app" in path:
        return "timers"
    return next((part for part, marks in _PARTS if any(mark in path for mark in marks)), None)


def main() -> None:
    """Start the sampler, then the command line of `lifecycle` with the arguments that are left."""
    sampler = Sampler(Path(sys.argv[1]))
    sys.argv = ["lifecycle", *sys.argv[2:]]
    sampler.start()
    from stream_app.cli import main as lifecycle  # noqa: PLC0415 - the sampler is to see everything

    lifecycle()


if __name__ == "__main__":
    main()

"""A worker whose metrics are measured or left out: ``python -m tests.bench.metered timed|without worker …``.

The product has no such switch; here the functions of its metrics are replaced before it starts.
"""

import sys
from collections.abc import Callable
from functools import wraps
from time import thread_time
from typing import Any, Final

from prometheus_client import Gauge

from stream_app.cli import main
from stream_app.latencies import Latencies
from stream_app.telemetry import WorkerMetrics

SECONDS: Final = "bench_metrics_cpu_seconds"
"""The gauge by which the timed worker tells what its metrics have cost, CPU seconds of the thread."""

#: What the delivery path calls; everything else is looked up when Prometheus asks.
_CALLED: Final = ((WorkerMetrics, "count"), (Latencies, "observe"))


class Meter:
    """CPU seconds spent in some functions, without what looking at the clock costs."""

    def __init__(self) -> None:
        self.spent = 0.0
        self._is_inside = False
        self._look = min(self._looking() for _ in range(100))

    @staticmethod
    def _looking() -> float:
        began = thread_time()
        for _ in range(100):
            thread_time()
        return (thread_time() - began) / 100

    def timed(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The same function, with its time taken."""

        @wraps(function)
        def measured(*arguments: Any, **named: Any) -> Any:
            if self._is_inside:
                return function(*arguments, **named)
            self._is_inside = True
            began = thread_time()
            try:
                return function(*arguments, **named)
            finally:
                self.spent += max(0.0, thread_time() - began - self._look)
                self._is_inside = False

        return measured


def timed() -> None:
    """Take the time of every call, and tell it among the metrics."""
    meter, begin = Meter(), WorkerMetrics.__init__

    def beginning(self: WorkerMetrics) -> None:
        begin(self)
        Gauge(SECONDS, "CPU seconds of the metrics", registry=self.registry).set_function(lambda: meter.spent)

    WorkerMetrics.__init__ = beginning  # type: ignore[method-assign]
    for owner, name in _CALLED:
        setattr(owner, name, meter.timed(getattr(owner, name)))


def without() -> None:
    """Count nothing."""
    for owner, name in _CALLED:
        setattr(owner, name, lambda *_arguments, **_named: None)


if __name__ == "__main__":
    {"timed": timed, "without": without}[sys.argv[1]]()
    sys.argv = ["lifecycle", *sys.argv[2:]]
    main()

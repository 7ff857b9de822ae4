"""Ends a process that has stopped making progress, or that slept for so long that others own its partitions.

Most reported outages of stream processors are silent hangs. A thread of its own watches, because the event loop may be
what hangs, and ends the process; the supervisor starts it again and nothing is lost.
"""

import threading
from collections.abc import Callable
from time import monotonic

from stream_app.worker.context import end_process

__all__ = ["Lease", "Watchdog"]


class Lease:
    """Knows whether this process was awake recently enough to still own its partitions.

    A process that was stopped (SIGSTOP, a suspended machine, an endless collection) and goes on writes nothing:
    its first produce request finds the lease run out.

    Args:
        seconds: How long the group waits for a member that says nothing.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._renewed = monotonic()

    def begin(self) -> None:
        """Count from now: the event loop begins to run."""
        self._renewed = monotonic()

    def renew(self) -> None:
        """Say that the event loop runs; called several times within the lease."""
        self.check()
        self._renewed = monotonic()

    def check(self) -> None:
        """End the process if the lease has run out."""
        silent = monotonic() - self._renewed
        if silent > self._seconds:
            end_process(
                f"the worker slept for {silent:.0f} s, longer than its session of {self._seconds:g} s: its partitions may "
                "belong to others, so it writes nothing more and ends"
            )


class Watchdog(threading.Thread):
    """Ends the process when work waits and none gets finished.

    Args:
        seconds: Longest standstill.
        is_waiting: Whether there is unfinished work; called from the watching thread.
        last_progress: Monotonic instant of the last finished work.
    """

    def __init__(
        self, seconds: float, is_waiting: Callable[[], bool], last_progress: Callable[[], float]
    ) -> None:
        super().__init__(name="watchdog", daemon=True)
        self._seconds = seconds
        self._is_waiting = is_waiting
        self._last_progress = last_progress
        self._stopping = threading.Event()

    def run(self) -> None:
        """Look every few seconds until stopped."""
        waiting_since: float | None = None
        while not self._stopping.wait(min(5.0, self._seconds / 4)):
            if not self._is_waiting():
                waiting_since = None
                continue
            waiting_since = waiting_since or monotonic()
            silent = monotonic() - max(waiting_since, self._last_progress())
            if silent > self._seconds:
                end_process(
                    f"work has waited for {silent:.0f} s and none was finished (worker.stalled_after); the worker ends "
                    "and is to be restarted, nothing is lost"
                )

    def stop(self) -> None:
        """Stop watching."""
        self._stopping.set()

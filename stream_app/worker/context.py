"""What all lanes of a worker share."""

import os
import sys
from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING, NoReturn

import structlog

from stream_app.errors import LifecycleAppError
from stream_app.scoring import Scoring
from stream_app.settings import Settings
from stream_app.telemetry import WorkerMetrics
from stream_app.topics import READ, changelog_name
from stream_app.worker.marks import Marks
from stream_app.worker.publisher import Publisher
from stream_app.worker.turn import Turn

if TYPE_CHECKING:
    import asyncio

__all__ = ["Context", "end_process"]

log = structlog.get_logger(__name__)


def end_process(sentence: str, code: int = 1) -> NoReturn:
    """End at once, with one line: nothing that is in memory may be written any more.

    What was not acknowledged is read again by whoever takes the partitions over; a supervisor restarts this process.
    """
    print(f"lifecycle: {sentence}", file=sys.stderr, flush=True)  # noqa: T201 - the one line of an error
    os._exit(code)


class Context:
    """Settings, models, bookkeeping and doors to the outside, for all partitions of a worker.

    Args:
        settings: Settings of the process.
        scoring: Compiled configuration and the models of the moment.
        publisher: Door to Kafka.
        metrics: What Prometheus reads.
        now: The wall clock, µs since 1970.
    """

    def __init__(
        self,
        settings: Settings,
        scoring: Scoring,
        publisher: Publisher,
        metrics: WorkerMetrics,
        now: Callable[[], int],
    ) -> None:
        self.settings = settings
        self.scoring = scoring
        self.publisher = publisher
        self.metrics = metrics
        self.now = now
        self.marks = Marks()
        self.turn = Turn()
        prefix = settings.topic_prefix
        self.source_topics = [prefix + name for name in READ]
        self.sources = {name: index for index, name in enumerate(self.source_topics)}
        self.stage_changes = f"{prefix}stage-changes"
        self.churn_alerts = f"{prefix}churn-alerts"
        self._changelog = changelog_name(settings)
        self.last_progress = monotonic()

    def route(self, kind: str, partition: int) -> tuple[str, int]:
        """Topic and partition of a kind of record: training has one partition, the rest follow the customer's."""
        if kind == "changelog":
            return self._changelog, partition
        return f"{self.settings.topic_prefix}{kind}", 0 if kind == "training" else partition

    def progressed(self) -> None:
        """Tell the watchdog that work was finished."""
        self.last_progress = monotonic()

    def watch(self, task: "asyncio.Task[None]") -> None:
        """End the process when a task of the delivery path has failed: going on would lose what it carried."""
        if task.cancelled():
            return
        error = task.exception()
        if error is None:
            return
        log.error("delivery failed", error=repr(error), exc_info=error)
        if isinstance(error, LifecycleAppError):
            end_process(error.sentence, error.exit_code)
        end_process(
            f"the worker ends because a write or a fold failed ({type(error).__name__}: {error}); nothing is lost, what "
            "was not acknowledged is done again after the restart"
        )

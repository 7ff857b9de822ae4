"""What Prometheus reads from a worker: what has happened, counted once a run.

What *is* at a moment (customers, lag, what waits for Redis) is looked up when Prometheus asks: `stream_app.worker.scraped`.
"""

import collections
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, ProcessCollector

from stream_app.latencies import Latencies
from stream_app.outputs import ALERT

if TYPE_CHECKING:
    from stream_app.effects import Effects

__all__ = ["WorkerMetrics"]

#: How a crossing stands in the payload of an alert; an erasure of alerts is none.
_CROSSINGS: Final = {b'"status":"raised"': "raised", b'"status":"resolved"': "resolved"}


class WorkerMetrics:
    """Counters of one worker process, in a registry of their own.

    Labels never hold a customer id. Counts are taken when a run has been delivered, so nothing is counted that may
    yet be folded again by another worker.
    """

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"lifecycle_{name}", text, labels, registry=registry)

        def latencies(name: str, text: str) -> Latencies:
            made = Latencies(f"lifecycle_{name}", text)
            registry.register(made)
            return made

        self.events = counter(
            "events_total", "Records of source topics, by what became of them", "topic", "outcome"
        )
        self.transitions = counter(
            "transitions_total", "Stage transitions", "lifecycle", "from_stage", "to_stage"
        )
        self.alerts = counter("churn_alerts_total", "Risk crossings", "outcome")
        self.dead_letters = counter("dead_letters_total", "Records refused", "reason")
        self.redis_up = Gauge(
            "lifecycle_redis_up", "Whether Redis answered when it was last asked", registry=registry
        )
        self.redis_push = latencies("redis_push_seconds", "Duration of a write to Redis")
        self.batch = latencies("batch_seconds", "Duration of folding a run of records")
        self.stage_change_latency = latencies(
            "stage_change_latency_seconds",
            "Arrival in Kafka of the oldest event of the run to Redis acknowledged, for each stage change",
        )
        ProcessCollector(registry=registry)

    def count(self, topics: Sequence[str], effects: "Effects") -> None:
        """Count a delivered run.

        Args:
            topics: Names of the topics by source index.
            effects: What the run has brought about.
        """
        for (source, outcome), number in effects.outcomes.items():
            self.events.labels(topics[source], outcome).inc(number)
        for labels, number in effects.moves.items():
            self.transitions.labels(*labels).inc(number)
        for reason, number in collections.Counter(
            letter.refused.reason for letter in effects.dead_letters
        ).items():
            self.dead_letters.labels(reason).inc(number)
        for output in effects.outputs:
            if output.kind == ALERT:
                self._count_alert(output.payload)

    def _count_alert(self, payload: bytes) -> None:
        for mark, outcome in _CROSSINGS.items():
            if mark in payload:
                self.alerts.labels(outcome).inc()

"""What Prometheus reads from a worker: the metrics of the contracts, updated once a run."""

from collections.abc import Callable, Iterable, Iterator
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from stream_app.topics import READ

if TYPE_CHECKING:
    from stream_app.effects import Effects
    from stream_app.scoring import Scoring
    from stream_app.worker.lane import Lane

__all__ = ["Lag", "WorkerMetrics"]

_FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Lag(NamedTuple):
    """How far one partition of a topic is behind: events that wait, and the age (s) of the oldest."""

    topic: str
    partition: int
    events: int
    seconds: float


class WorkerMetrics:
    """Counters and gauges of one worker process, in a registry of their own.

    Labels never hold a customer id. Counts are taken when a run has been delivered, so nothing is counted that may
    yet be folded again by another worker.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"lifecycle_{name}", text, labels, registry=self.registry)

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(f"lifecycle_{name}", text, labels, registry=self.registry)

        def histogram(name: str, text: str) -> Histogram:
            return Histogram(f"lifecycle_{name}", text, buckets=_FAST, registry=self.registry)

        self.events = counter(
            "events_total", "Records of source topics, by what became of them", "topic", "outcome"
        )
        self.transitions = counter(
            "transitions_total", "Stage transitions", "lifecycle", "from_stage", "to_stage"
        )
        self.customers = gauge(
            "customers", "Customers by stage, of the partitions owned", "lifecycle", "stage"
        )
        self.watermark = gauge("watermark_seconds", "Clock of the partition, Unix time", "topic", "partition")
        self.recovery = gauge("recovery_seconds", "Duration of the last take-over of partitions")
        self.redis_up = gauge("redis_up", "Whether the last write to Redis succeeded")
        self.redis_pending = gauge("redis_pending", "Stage changes that wait for Redis in this process")
        self.redis_push = histogram("redis_push_seconds", "Duration of a write to Redis")
        self.sink_latency = histogram(
            "stage_change_latency_seconds", "Arrival of the event in Kafka to Redis acknowledged"
        )
        self.batch = histogram("batch_seconds", "Duration of folding a run of records")
        self.alerts = counter("churn_alerts_total", "Risk crossings", "outcome")
        self.dead_letters = counter("dead_letters_total", "Records refused", "reason")
        self.model_version = gauge("model_version", "Labels that the serving model has learned", "model")
        self.model_age = gauge("model_age_seconds", "Since the models that serve came", "model")
        self._owned: list[Lane] = []
        ProcessCollector(registry=self.registry)

    def watch(self, scoring: "Scoring", lags: Callable[[], Iterable[Lag]]) -> None:
        """Ask, whenever Prometheus does, how far partitions are behind and how much was predicted."""
        self.registry.register(_OnDemand(scoring, lags))

    def own(self, lanes: Iterable["Lane"], seconds: float) -> None:
        """Begin a new ownership: gauges of partitions that moved away go with them."""
        self._owned = list(lanes)
        self.recovery.set(seconds)
        self.watermark.clear()
        self.customers.clear()
        self._population()

    def count(self, lane: "Lane", effects: "Effects") -> None:
        """Count a delivered run."""
        for (source, outcome), number in effects.outcomes.items():
            self.events.labels(READ[source], outcome).inc(number)
        for labels, number in effects.moves.items():
            self.transitions.labels(*labels).inc(number)
        for letter in effects.dead_letters:
            self.dead_letters.labels(letter.refused.rejection.reason).inc()
        for output in effects.outputs:
            if output.kind == 1:
                resolved = b'"status":"resolved"' in output.payload
                self.alerts.labels("resolved" if resolved else "raised").inc()
        if effects.moves:
            self._population()
        self.watermark.labels("all", str(lane.partition)).set(lane.engine.time / 1e6)

    def _population(self) -> None:
        totals: dict[tuple[str, str], int] = {}
        for lane in self._owned:
            for (index, stage), number in lane.engine.population.items():
                track = lane.engine.scoring.tracks[index]
                key = track.name, track.stages[stage]
                totals[key] = totals.get(key, 0) + number
        for key, number in totals.items():
            self.customers.labels(*key).set(number)

    def redis_is(self, *, up: bool, pending: int) -> None:
        """Note how the last write to Redis went."""
        self.redis_up.set(int(up))
        self.redis_pending.set(pending)

    def serving(self, versions: dict[str, Any]) -> None:
        """Note which models serve, by lifecycle."""
        came = monotonic()
        for name, version in versions.items():
            self.model_version.labels(name).set(version)
            self.model_age.labels(name).set_function(lambda: monotonic() - came)


class _OnDemand(Collector):
    """What is cheaper to look up when it is asked for than to keep up to date."""

    def __init__(self, scoring: "Scoring", lags: Callable[[], Iterable[Lag]]) -> None:
        self._scoring = scoring
        self._lags = lags

    def collect(self) -> Iterator[Metric]:
        """Lag of the partitions owned, and predictions made."""
        events = GaugeMetricFamily(
            "lifecycle_consumer_lag", "Events that wait to be folded", labels=["topic", "partition"]
        )
        seconds = GaugeMetricFamily(
            "lifecycle_consumer_lag_seconds",
            "Age of the oldest event that waits",
            labels=["topic", "partition"],
        )
        for lag in self._lags():
            place = [lag.topic, str(lag.partition)]
            events.add_metric(place, lag.events)
            seconds.add_metric(place, lag.seconds)
        predictions = CounterMetricFamily(
            "lifecycle_model_predictions", "Customers scored by the models", labels=["model"]
        )
        for track, number in zip(self._scoring.tracks, self._scoring.scored, strict=True):
            for model in ("churn", "next_stage", "value"):
                predictions.add_metric([f"{track.name}:{model}"], number)
        yield from (events, seconds, predictions)

"""What Prometheus reads from a gateway. Labels never hold a customer id or a key."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Figures:
    """Counters and gauges of one gateway process, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.requests = Counter(
            "lifecycle_gateway_requests_total",
            "Requests, by route and HTTP status",
            ("route", "status"),
            registry=registry,
        )
        self.events = Counter(
            "lifecycle_gateway_events_total",
            "Events acknowledged by Kafka, by sender and outcome (accepted, dead_letter)",
            ("source", "outcome"),
            registry=registry,
        )
        self.dead_letters = Counter(
            "lifecycle_dead_letters_total", "Records refused", ("reason",), registry=registry
        )
        self.refused = Counter(
            "lifecycle_gateway_refused_total", "Requests refused, by code", ("code",), registry=registry
        )
        self.seconds = Histogram(
            "lifecycle_gateway_request_seconds",
            "Duration of requests that bring events, until Kafka has acknowledged",
            buckets=_SECONDS,
            registry=registry,
        )
        self._queue = Gauge(
            "lifecycle_gateway_queue_bytes", "Bytes that wait for Kafka's acknowledgement", registry=registry
        )
        self._kafka_up = Gauge(
            "lifecycle_gateway_kafka_up", "Whether events can be sent to Kafka", registry=registry
        )
        ProcessCollector(registry=registry)
        self._accepted: dict[str, Counter] = {}

    def accept(self, source: str, events: int) -> None:
        """Count events that Kafka has acknowledged; the counter of a sender is looked up once."""
        counter = self._accepted.get(source)
        if counter is None:
            counter = self._accepted[source] = self.events.labels(source, "accepted")
        counter.inc(events)

    def watch(self, queue: Callable[[], float], kafka_up: Callable[[], float]) -> None:
        """Ask, whenever Prometheus does, how many bytes wait and whether Kafka is there."""
        self._queue.set_function(queue)
        self._kafka_up.set_function(kafka_up)

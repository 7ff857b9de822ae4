"""What Prometheus reads of the deliveries."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

__all__ = ["DeliveryMetrics"]


class DeliveryMetrics:
    """Counters and gauges of the deliver process, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        registry = self.registry
        self._attempts = Counter(
            "lifecycle_delivery_attempts_total",
            "Requests sent",
            ["destination", "outcome"],
            registry=registry,
        )
        self._messages = Counter(
            "lifecycle_deliveries_total", "Messages finished", ["destination", "outcome"], registry=registry
        )
        self._seconds = Histogram(
            "lifecycle_delivery_seconds", "Duration of a request", ["destination"], registry=registry
        )
        self._up = Gauge(
            "lifecycle_destination_up",
            "Whether the last request was answered well",
            ["destination"],
            registry=registry,
        )
        self._lag = Gauge(
            "lifecycle_delivery_lag", "Records published and not finished", ["destination"], registry=registry
        )
        ProcessCollector(registry=registry)

    def tried(self, destination: str, outcome: str, seconds: float) -> None:
        """Note a request: delivered, failed or refused."""
        self._attempts.labels(destination, outcome).inc()
        self._seconds.labels(destination).observe(seconds)
        self._up.labels(destination).set(outcome == "delivered")

    def delivered(self, destination: str, outcome: str) -> None:
        """Note the end of a message: delivered, refused or given_up."""
        self._messages.labels(destination, outcome).inc()

    def behind(self, destination: str, records: int) -> None:
        """Note how many records wait."""
        self._lag.labels(destination).set(records)

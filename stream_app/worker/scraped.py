"""What Prometheus asks about the partitions that a worker owns, looked up when it asks.

Nothing is remembered from scrape to scrape, so what has moved to another worker is not told of any more.
"""

from collections.abc import Callable, Iterable, Iterator

from faust.types import TP
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from stream_app.model_metrics import MODELS
from stream_app.worker.ownership import Ownership

__all__ = ["Scraped"]


class Scraped(Collector):
    """The state of one worker at this moment; asked from the thread of the status page.

    Args:
        gate: Who owns the lanes.
        end_of: Offset at which a topic-partition ends, as far as the last fetch has told.
    """

    def __init__(self, gate: Ownership, end_of: Callable[[TP], int | None]) -> None:
        self._gate = gate
        self._end_of = end_of
        self._scoring = gate.context.scoring

    def collect(self) -> Iterator[Metric]:
        """Give everything that is known now."""
        yield self._customers()
        yield from self._partitions()
        pending = sum(lane.waiting(self._end_of(lane.tp)) for lane in self._gate.sinks)
        yield GaugeMetricFamily(
            "lifecycle_redis_pending", "Stage changes of the partitions owned that wait for Redis", pending
        )
        yield self._recovery()
        yield from self._models()

    def _recovery(self) -> Metric:
        family = GaugeMetricFamily(
            "lifecycle_recovery_seconds",
            "Duration of the last take-over of partitions, or of the one under way",
        )
        seconds = self._gate.recovery_seconds
        if seconds is not None:
            family.add_metric([], seconds)
        return family

    def _customers(self) -> Metric:
        """Customers by stage, over all lanes; each lane has counted them at one instant."""
        family = GaugeMetricFamily(
            "lifecycle_customers",
            "Customers by stage, of the partitions owned",
            labels=["lifecycle", "stage"],
        )
        counted = [lane.deliveries.customers for lane in list(self._gate.lanes.values())]
        if not counted:
            return family
        for index, track in enumerate(self._scoring.tracks):
            for stage, name in enumerate(track.stages):
                number = sum(customers.get((index, stage), 0) for customers in counted)
                family.add_metric([track.name, name], number)
        return family

    def _partitions(self) -> Iterable[Metric]:
        place = ["topic", "partition"]
        events = GaugeMetricFamily(
            "lifecycle_consumer_lag", "Events that are not folded and delivered", labels=place
        )
        seconds = GaugeMetricFamily(
            "lifecycle_consumer_lag_seconds", "Since the oldest of these events came to Kafka", labels=place
        )
        watermark = GaugeMetricFamily(
            "lifecycle_watermark_seconds", "Event time (Unix) that the partition has come to", labels=place
        )
        for lag in self._gate.lags(self._end_of):
            where = [lag.topic, str(lag.partition)]
            events.add_metric(where, lag.events)
            seconds.add_metric(where, lag.seconds)
            if lag.watermark:
                watermark.add_metric(where, lag.watermark)
        return events, seconds, watermark

    def _models(self) -> Iterable[Metric]:
        predictions = CounterMetricFamily(
            "lifecycle_model_predictions", "Customers scored by the models", labels=["model"]
        )
        version = GaugeMetricFamily(
            "lifecycle_model_version", "Version of the models that serve", labels=["model"]
        )
        age = GaugeMetricFamily(
            "lifecycle_model_age_seconds", "Since the snapshot that serves was made", labels=["model"]
        )
        now, made = self._gate.context.now(), self._gate.models_made_at
        served = zip(self._scoring.tracks, self._scoring.predictors, self._scoring.scored, strict=True)
        for track, predictor, scored in served:
            for model in MODELS:
                label = [f"{track.name}:{model}"]
                predictions.add_metric(label, scored)
                version.add_metric(label, predictor.version)
                if made is not None:
                    age.add_metric(label, max(0.0, (now - made) / 1e6))
        return predictions, version, age

"""What do the models' metrics say at this moment?"""

from collections.abc import Callable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from scorers.learner import Learner
from stream_app.training import Training

MODELS = ("churn", "next_stage", "value")


class ModelMetrics(Collector):
    """Prequential quality of the models in training, computed when Prometheus asks.

    The label ``model`` is the lifecycle's name and the model's: ``six-stage:churn``.

    Args:
        now: Processing time, microseconds since 1970 UTC.

    Attributes:
        training: What is reported; `None` for a standby, which reports that it waits.
    """

    def __init__(self, now: Callable[[], int]) -> None:
        self.training: Training | None = None
        self._now = now
        self._changed = now()

    def update(self, training: Training | None) -> None:
        """Take over what the trainer tells after a take-over, a loss, or a snapshot."""
        self.training = training
        self._changed = self._now()

    def collect(self) -> Iterator[Metric]:
        """Give all figures; a figure that is not known yet is left out."""
        training = self.training
        yield GaugeMetricFamily(
            "lifecycle_trainer_active",
            "1 for the trainer that learns, 0 for a standby",
            value=int(bool(training)),
        )
        if training is None:
            return
        yield self._outcomes(training)
        examples = CounterMetricFamily("lifecycle_model_examples", "Answers judged", labels=["model"])
        drifts = CounterMetricFamily(
            "lifecycle_model_drift", "Alarms of the drift detector", labels=["model"]
        )
        names = ("auc", "log_loss", "brier", "ece", "base_rate", "accuracy", "mae")
        quality = {
            name: GaugeMetricFamily(f"lifecycle_model_{name}", f"Prequential {name}", labels=["model"])
            for name in names
        }
        version = GaugeMetricFamily("lifecycle_model_version", "Labels learned", labels=["model"])
        age = GaugeMetricFamily("lifecycle_model_age_seconds", "Since the last snapshot", labels=["model"])
        for lifecycle, learner in training.state.learners.items():
            drifts.add_metric([f"{lifecycle}:churn"], learner.churn.drifts)
            for model, figures in _figures(learner).items():
                label = [f"{lifecycle}:{model}"]
                version.add_metric(label, learner.labels)
                age.add_metric(label, (self._now() - self._changed) / 1e6)
                examples.add_metric(label, figures.pop("examples") or 0.0)
                for name in names:
                    value = figures.get(name)
                    if value is not None:
                        quality[name].add_metric(label, value)
        yield from (examples, drifts, version, age, *quality.values())

    @staticmethod
    def _outcomes(training: Training) -> CounterMetricFamily:
        records = CounterMetricFamily(
            "lifecycle_training_records",
            "Records of the training topic by what became of them",
            labels=["outcome"],
        )
        for outcome, count in training.state.outcomes.items():
            records.add_metric([outcome], count)
        return records


def _figures(learner: Learner) -> dict[str, dict[str, float | None]]:
    """Give the figures by model; AUC and calibration of churn over recent answers, where they are exact."""
    overall = learner.figures()
    recent = learner.recent_churn()
    churn = {**overall["churn"], **{name: recent[name] for name in ("auc", "ece")}}
    return {"churn": churn, "next_stage": {**overall["next_stage"]}, "value": {**overall["value"]}}

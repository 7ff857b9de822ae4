"""What do the models' metrics say at this moment?"""

from collections.abc import Callable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric, SummaryMetricFamily
from prometheus_client.registry import Collector

from scorers.learner import Learner
from state import parse_instant
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
        self._since = now()

    def update(self, training: Training | None) -> None:
        """Take over what the trainer tells after a take-over, a loss, or a snapshot."""
        self.training = training

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
        published = parse_instant(training.published_at) if training.published_at else self._since
        version = GaugeMetricFamily(
            "lifecycle_model_version", "Version of the models, as workers serve them", labels=["model"]
        )
        age = GaugeMetricFamily("lifecycle_model_age_seconds", "Since the last snapshot", labels=["model"])
        for lifecycle, learner in training.state.learners.items():
            drifts.add_metric([f"{lifecycle}:churn"], learner.churn.drifts)
            for model, figures in _figures(learner).items():
                label = [f"{lifecycle}:{model}"]
                version.add_metric(label, learner.version)
                age.add_metric(label, max(0.0, (self._now() - published) / 1e6))
                examples.add_metric(label, figures.pop("examples") or 0.0)
                for name in names:
                    value = figures.get(name)
                    if value is not None:
                        quality[name].add_metric(label, value)
        yield from (examples, drifts, version, age, *quality.values())
        yield from self._answers(training)

    @staticmethod
    def _answers(training: Training) -> Iterator[Metric]:
        """Give label counts and waits, churn by stage and by tenth, and what must be beaten."""
        labels = CounterMetricFamily(
            "lifecycle_model_labels", "Answers by what became true", labels=["model", "label"]
        )
        waits = SummaryMetricFamily(
            "lifecycle_model_label_wait_seconds", "Event time from question to answer", labels=["model"]
        )
        by_stage = {
            name: GaugeMetricFamily(f"lifecycle_model_stage_{name}", told, labels=["model", "stage"])
            for name, told in {
                "examples": "Churn answers by stage",
                "base_rate": "Share that churned by stage",
                "log_loss": "Prequential log-loss of churn by stage",
                "brier": "Prequential Brier score of churn by stage",
            }.items()
        }
        lift = GaugeMetricFamily(
            "lifecycle_model_lift", "Lift by tenth of the last answers", labels=["model", "decile"]
        )
        baseline = GaugeMetricFamily(
            "lifecycle_model_baseline_log_loss", "What must be beaten", labels=["model", "baseline"]
        )
        for lifecycle, live in training.state.live.items():
            for (model, label), count in live.labels.items():
                labels.add_metric([f"{lifecycle}:{model}", label], count)
            waits.add_metric([lifecycle], count_value=live.answers, sum_value=live.waits)
            for stage, sums in live.by_stage.items():
                n = sums.examples
                told = (n, sums.churned / n, sums.log_loss / n, sums.squares / n)
                for gauge, value in zip(by_stage.values(), told, strict=True):
                    gauge.add_metric([f"{lifecycle}:churn", stage], value)
            for name, model, loss in (
                ("base_rate", "churn", live.base_rate_loss()),
                ("stays", "next_stage", live.staying_loss()),
            ):
                if loss is not None:
                    baseline.add_metric([f"{lifecycle}:{model}", name], loss)
            for decile, value in enumerate(training.state.learners[lifecycle].recent_lift() or (), 1):
                lift.add_metric([f"{lifecycle}:churn", str(decile)], value)
        yield from (labels, waits, lift, baseline, *by_stage.values())

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

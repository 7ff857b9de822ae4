from prometheus_client import CollectorRegistry, generate_latest

from scorers.example import encode_example
from stream_app.model_metrics import ModelMetrics
from stream_app.training import Training
from tests.scorers.buyers import TASK, examples


def scrape(metrics: ModelMetrics) -> str:
    registry = CollectorRegistry()
    registry.register(metrics)
    return generate_latest(registry).decode()


def test_a_standby_says_that_it_waits() -> None:
    page = scrape(ModelMetrics(lambda: 0))
    assert "lifecycle_trainer_active 0.0" in page
    assert "model_auc" not in page


def test_the_contract_names_are_served() -> None:
    training = Training({"retail": TASK})
    for offset, example in enumerate(examples(100)):
        training.absorb(offset, encode_example(example))
    clock = [0]
    metrics = ModelMetrics(lambda: clock[0])
    metrics.update(training)
    clock[0] = 3_000_000
    page = scrape(metrics)
    for line in (
        'lifecycle_model_examples_total{model="retail:next_stage"} 100.0',
        'lifecycle_model_version{model="retail:churn"} 100.0',
        'lifecycle_model_age_seconds{model="retail:value"} 3.0',
        'lifecycle_model_drift_total{model="retail:churn"} 0.0',
        'lifecycle_training_records_total{outcome="learned"} 100.0',
    ):
        assert line in page
    for name in ("auc", "log_loss", "brier"):
        assert f'lifecycle_model_{name}{{model="retail:churn"}}' in page


def test_figures_that_are_not_known_are_left_out() -> None:
    metrics = ModelMetrics(lambda: 0)
    metrics.update(Training({"retail": TASK}))
    assert "lifecycle_model_auc{" not in scrape(metrics)

from datetime import datetime

import pytest
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


def test_labels_waits_stages_tenths_and_baselines_are_served() -> None:
    training = Training({"retail": TASK})
    made = examples(400)
    for offset, example in enumerate(made):
        training.absorb(offset, encode_example(example))
    metrics = ModelMetrics(lambda: 0)
    metrics.update(training)
    page = scrape(metrics)

    asked = [example for example in made if example.churned is not None and example.churn_risk is not None]
    churned = sum(example.churned or 0 for example in asked)
    assert f'lifecycle_model_labels_total{{label="churned",model="retail:churn"}} {churned}.0' in page
    assert (
        f'lifecycle_model_labels_total{{label="kept",model="retail:churn"}} {len(asked) - churned}.0' in page
    )
    assert 'lifecycle_model_label_wait_seconds_count{model="retail"} 400.0' in page
    days = sum(
        (datetime.fromisoformat(each.answered_at) - datetime.fromisoformat(each.asked_at)).days
        for each in made
    )
    [waited] = [
        line for line in page.splitlines() if line.startswith("lifecycle_model_label_wait_seconds_sum{")
    ]
    assert float(waited.split()[-1]) == days * 86_400
    for decile in range(1, 11):
        assert f'lifecycle_model_lift{{decile="{decile}",model="retail:churn"}}' in page
    for baseline, model in (("base_rate", "churn"), ("stays", "next_stage")):
        assert f'lifecycle_model_baseline_log_loss{{baseline="{baseline}",model="retail:{model}"}}' in page
    by_stage = [float(line.split()[-1]) for line in page.splitlines() if "model_stage_examples{" in line]
    assert sum(by_stage) == len(asked)
    losses = [float(line.split()[-1]) for line in page.splitlines() if "model_stage_log_loss{" in line]
    learner = training.state.learners["retail"]
    assert learner.version > learner.labels, "the closed form was fitted"
    assert f'lifecycle_model_version{{model="retail:value"}} {learner.version}.0' in page
    overall = learner.figures()["churn"]["log_loss"]
    assert sum(n * loss for n, loss in zip(by_stage, losses, strict=True)) / len(asked) == pytest.approx(
        overall
    )


def test_figures_that_are_not_known_are_left_out() -> None:
    metrics = ModelMetrics(lambda: 0)
    metrics.update(Training({"retail": TASK}))
    assert "lifecycle_model_auc{" not in scrape(metrics)

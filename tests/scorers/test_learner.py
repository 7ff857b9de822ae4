import pickle  # noqa: TID251 - the law under test
from math import inf

import msgspec
import pytest

from scorers.evaluation import binary_figures
from scorers.learner import Learner, Task
from scorers.predictor import predictor_of
from tests.scorers.buyers import TASK, examples


def learned(count: int, *, pickle_every: int = 0) -> Learner:
    learner = Learner(TASK)
    for number, example in enumerate(examples(count), 1):
        assert learner.learn(example) == "learned"
        if pickle_every and number % pickle_every == 0:
            learner = pickle.loads(pickle.dumps(learner))  # noqa: S301
    return learner


def test_learning_beats_the_base_rate_and_the_cold_start() -> None:
    figures = learned(3000).figures()
    churn, stage = figures["churn"], figures["next_stage"]
    asked = [e for e in examples(3000, ask_learner=False) if e.churned is not None]
    base = binary_figures(
        [sum(e.churned or 0 for e in asked) / len(asked)] * len(asked), [e.churned or 0 for e in asked]
    )
    assert churn["examples"] == len(asked)
    assert churn["auc"] is not None
    assert churn["auc"] > 0.75
    assert churn["log_loss"] is not None
    assert base["log_loss"] is not None
    assert churn["log_loss"] < base["log_loss"]
    assert stage["accuracy"] is not None
    assert stage["examples"] == 3000
    assert figures["value"]["mae"] is not None


def test_snapshots_in_between_change_no_bit() -> None:
    assert predictor_of(learned(400, pickle_every=7)) == predictor_of(learned(400))


def test_the_metric_takes_the_stored_prediction() -> None:
    learner = Learner(TASK)
    example = next(e for e in examples(5) if e.churned is not None)
    learner.learn(msgspec.structs.replace(example, churn_risk=0.25, churned=1))
    assert learner.figures()["churn"]["brier"] == pytest.approx(0.75**2)


@pytest.mark.parametrize(
    ("change", "outcome"),
    [
        ({"schema": "other"}, "schema"),
        ({"features": [1.0]}, "schema"),
        ({"stage": "unknown"}, "stage"),
        ({"next": "unknown"}, "stage"),
        ({"deadline": 3.0, "deadline_stage": "unknown"}, "stage"),
        ({"deadline": 0.0, "deadline_stage": "loyal"}, "stage"),
        ({"deadline": inf, "deadline_stage": "loyal"}, "stage"),
        ({"churned": 2}, "label"),
        ({"spent": -1.0}, "label"),
        ({"spent": inf}, "label"),
    ],
)
def test_what_does_not_fit_changes_nothing(change: dict[str, object], outcome: str) -> None:
    learner = learned(20)
    before = predictor_of(learner), learner.figures()
    assert learner.learn(msgspec.structs.replace(examples(21)[-1], **change)) == outcome
    assert (predictor_of(learner), learner.figures()) == before


def test_a_label_that_was_not_asked_teaches_nothing() -> None:
    learner = Learner(TASK)
    learner.learn(msgspec.structs.replace(examples(1)[0], churned=None, next=None, spent=None))
    figures = learner.figures()
    assert [figures[name]["examples"] for name in ("churn", "next_stage", "value")] == [0, 0, 0]


def test_schema_follows_stages_and_horizons() -> None:
    a = Task(lifecycle="a", stages=("x", "y"))
    assert a.schema == Task(lifecycle="b", stages=("x", "y"), fingerprint="z").schema
    assert a.schema != Task(lifecycle="a", stages=("x", "z")).schema
    assert a.schema != Task(lifecycle="a", stages=("x", "y"), churn_days=30.0).schema


def test_a_changed_law_is_noticed_as_drift() -> None:
    learner = Learner(TASK)
    for example in examples(4000, ask_learner=False):
        if example.churned is not None:
            late = int(example.id.split("-")[1]) > 2000
            learner.learn(msgspec.structs.replace(example, churn_risk=0.9, churned=int(not late)))
    assert learner.churn.drifts >= 1

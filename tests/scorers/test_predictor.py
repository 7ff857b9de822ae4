import random
from math import isfinite, nan

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorers import predictor as predictor_module
from scorers.beginning import Beginning
from scorers.closed_form import probability
from scorers.deadline import Deadline
from scorers.explanation import explain
from scorers.learner import Learner, Task
from scorers.predictor import Predictor, cold_start, predictor_of
from scorers.transforms import FEATURES
from tests.scorers.buyers import TASK, buyer, examples, features_of


@pytest.fixture(scope="module")
def learner() -> Learner:
    made = Learner(TASK)
    for example in examples(1500):
        made.learn(example)
    return made


def test_it_equals_the_models_that_learn(learner: Learner) -> None:
    predictor, rng = predictor_of(learner), random.Random(9)
    assert 0 < predictor.churn_trust < 1
    assert 0 < predictor.value_share <= 1
    for number in range(200):
        x, stage = buyer(rng), number % 4
        view = learner.view(x)
        z = learner.scaler.clip(view.x)
        churn = 0.0 if view.known is None else learner.churn.probability(z, view.said, view.usual_said)
        scores = predictor.score(x, stage)
        assert scores.churn == pytest.approx(churn, abs=1e-9)
        following = learner.next_stage.distribution(z, stage, learner.place(x, view, None, None, None))
        assert scores.next_stage == pytest.approx(following, abs=1e-9)
        deadline = Deadline(rng.uniform(0.1, 30.0), rng.choice([0, 3]), by_orders=rng.random() < 0.7)
        scores = predictor.score(x, stage, deadline)
        place = learner.place(x, view, learner.population.now.habit, deadline, scores.churn)
        following = learner.next_stage.distribution(z, stage, place)
        assert scores.next_stage == pytest.approx(following, abs=1e-9)
        assert scores.value == pytest.approx(learner.value.typical(z, view.spend), rel=1e-9)


def test_a_year_holds_more_than_a_quarter(learner: Learner) -> None:
    predictor = predictor_of(learner)
    x = features_of(orders=5, days_since_first_order=100, days_since_last_order=1, avg_order_value=20)
    assert predictor.value(x) < predictor.value_ahead(x) < 5 * predictor.value(x)
    assert predictor.value_ahead(features_of()) == 0.0


def test_an_answer_that_is_no_number_is_replaced_and_counted(learner: Learner) -> None:
    broken = msgspec.structs.replace(predictor_of(learner), churn_constant=nan, value_share=nan)
    before = predictor_module.guarded
    scores = broken.score(features_of(orders=5, days_since_first_order=100, days_since_last_order=1), 1)
    assert isfinite(scores.churn)
    assert isfinite(scores.value)
    assert predictor_module.guarded > before


@given(st.lists(st.floats(), min_size=len(FEATURES), max_size=len(FEATURES)), st.integers(0, 3))
def test_no_answer_is_ever_not_a_number(learner: Learner, x: list[float], stage: int) -> None:
    asked = [
        (predictor, deadline)
        for predictor in (cold_start(TASK), predictor_of(learner))
        for deadline in (None, Deadline(1e-9, 0, by_orders=True), Deadline(29.0, 3, by_orders=False))
    ]
    for predictor, deadline in asked:
        churn, following, value = predictor.score(x, stage, deadline)
        assert 0 <= churn <= 1
        assert sum(following) == pytest.approx(1)
        assert min(following) >= 0
        assert isfinite(value)
        assert value >= 0


def test_the_cold_start_is_the_closed_form_and_mostly_stay() -> None:
    cold = cold_start(TASK)
    bought = {"orders": 5, "avg_order_value": 20}
    fresh = features_of(**bought, days_since_first_order=100, days_since_last_order=1, revenue_decayed_90d=70)
    silent = features_of(
        **bought, days_since_first_order=500, days_since_last_order=401, revenue_decayed_90d=3
    )
    assert cold.version == 0
    assert cold.churn(fresh) < 0.3
    assert cold.churn(silent) > 0.9
    assert cold.next_stage(fresh, 1)[1] == pytest.approx(0.8)
    assert 20 < cold.value(fresh) < 200
    assert cold.value(silent) < 5


def test_somebody_never_active_cannot_be_lost(learner: Learner) -> None:
    assert cold_start(TASK).churn(features_of()) == predictor_of(learner).churn(features_of()) == 0.0


def test_a_contract_is_not_lost_by_silence_before_labels_say_so() -> None:
    saas = Task(lifecycle="saas", stages=("trial", "active"), churn="cancellations")
    x = features_of(sessions=9, days_since_first_event=300, days_since_last_event=200)
    assert cold_start(saas).churn(x) == pytest.approx(0.1)


def test_one_stage_always_stays() -> None:
    cold = cold_start(Task(lifecycle="flat", stages=("all",)))
    assert cold.next_stage(features_of(), 0) == [1.0]


def test_it_travels_as_plain_numbers(learner: Learner) -> None:
    predictor = predictor_of(learner)
    again = msgspec.msgpack.decode(msgspec.msgpack.encode(predictor), type=Predictor)
    assert again == predictor
    x = features_of(orders=3, days_since_first_order=90, days_since_last_order=5)
    assert again.score(x, 1) == predictor.score(x, 1)


def test_it_does_not_change_while_the_learner_goes_on() -> None:
    learner = Learner(TASK)
    made = examples(60)
    for example in made[:50]:
        learner.learn(example)
    predictor = predictor_of(learner)
    before = predictor.score(features_of(orders=3, days_since_first_order=90, days_since_last_order=5), 1)
    for example in made[50:]:
        learner.learn(example)
    assert (
        predictor.score(features_of(orders=3, days_since_first_order=90, days_since_last_order=5), 1)
        == before
    )


def test_the_first_days_are_believed_until_an_answer_comes() -> None:
    learner = Learner(TASK)
    first = msgspec.structs.replace(
        predictor_of(learner), beginning=Beginning(3.0, 20.0, 0.5, 2.5, 500.0, 20.0)
    )
    x = features_of(orders=1, days_since_first_order=19, days_since_last_order=19)
    assert first.churn(x) < cold_start(TASK).churn(x) - 0.1
    explained = explain(first, x)
    assert explained is not None
    told = explained.average + sum(reason.log_odds for reason in explained.reasons)
    assert probability(told) == pytest.approx(first.churn(x), abs=1e-6)
    for number in range(120):
        once = features_of(orders=1, days_since_first_order=number % 20, days_since_last_order=number % 20)
        learner.observe(once, "2026-01-01T00:00:00Z", str(number))
    assert predictor_of(learner).beginning is not None
    learner.learn(next(example for example in examples(20, ask_learner=False) if example.churned is not None))
    assert predictor_of(learner).beginning is None

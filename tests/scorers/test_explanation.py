from math import exp, inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorers.evaluation import clipped
from scorers.explanation import explain, heaviest_inputs, topic_of
from scorers.learner import Learner, Task
from scorers.predictor import Predictor, cold_start, predictor_of
from scorers.transforms import FEATURES, INPUTS
from tests.scorers.buyers import TASK, examples


@pytest.fixture(scope="module")
def learned() -> Predictor:
    learner = Learner(TASK)
    for example in examples(1500, ask_learner=False):
        learner.learn(example)
    return predictor_of(learner)


def buyer(**known: float) -> list[float]:
    ages = {name: inf for name in FEATURES if name.startswith("days_since")}
    usual = {
        "orders": 4,
        "days_since_first_order": 200,
        "days_since_last_order": 82,
        "order_gap_mean_days": 21.4,
    }
    values = {
        **dict.fromkeys(FEATURES, 0.0),
        **ages,
        "days_since_first_event": 200.0,
        "days_since_last_event": 82.0,
    }
    return [float({**values, **usual, **known}[name]) for name in FEATURES]


@given(orders=st.integers(1, 60), first=st.floats(0, 2000), share=st.floats(0, 1), opens=st.integers(0, 50))
def test_all_reasons_and_the_average_are_the_risk(
    learned: Predictor, orders: int, first: float, share: float, opens: int
) -> None:
    features = buyer(
        orders=orders,
        days_since_first_order=first,
        days_since_first_event=first,
        days_since_last_order=first * share,
        email_opens_30d=opens,
    )
    told = explain(learned, features)
    assert told is not None
    few = explain(learned, features, most=2)
    assert few is not None
    assert told.rest == 0.0
    for each in (told, few):
        log_odds = each.average + sum(reason.log_odds for reason in each.reasons) + each.rest
        assert each.churn_risk == pytest.approx(clipped(1 / (1 + exp(-log_odds))), abs=1e-9)
    assert told.churn_risk == pytest.approx(learned.churn(features), abs=1e-12)
    assert 0.0 < told.share < 1.0


def test_reasons_are_sentences_with_the_customers_own_numbers(learned: Predictor) -> None:
    told = explain(learned, buyer(email_opens_30d=3, email_clicks_30d=1, orders_90d=1, tickets_90d=2))
    assert told is not None
    said = {reason.topic: reason.text for reason in told.reasons}
    assert said["recency"].startswith("last order 82 days ago, usually every 21 days: ")
    assert said["frequency"].startswith("1 order in 90 days, 4 orders in all: ")
    assert said["e-mail"].startswith("3 e-mails opened, 1 clicked in 30 days: ")
    assert said["service"].startswith("2 service requests in 90 days: ")
    for reason in told.reasons:
        assert reason.text.endswith("raises the risk" if reason.log_odds > 0 else "lowers the risk")


def test_few_reasons_are_the_strongest(learned: Predictor) -> None:
    every, few = explain(learned, buyer()), explain(learned, buyer(), most=2)
    assert every is not None
    assert few is not None
    assert few.reasons == every.reasons[:2]
    assert [abs(r.log_odds) for r in every.reasons] == sorted(
        (abs(r.log_odds) for r in every.reasons), reverse=True
    )


def test_before_the_first_label_the_order_history_speaks() -> None:
    told = explain(cold_start(TASK), buyer(), most=3)
    assert told is not None
    assert (told.labels, told.share) == (0, 0.0)
    assert told.churn_risk == told.prior_risk
    assert [reason.topic for reason in told.reasons] == ["recency"]
    assert heaviest_inputs(cold_start(TASK)) == []


def test_who_was_never_active_has_nothing_to_explain(learned: Predictor) -> None:
    assert explain(learned, buyer(orders=0, days_since_first_order=inf, days_since_last_order=inf)) is None


def test_where_visits_count_it_is_visits_that_are_told() -> None:
    task = Task(lifecycle="app", stages=TASK.stages, churn="events")
    told = explain(cold_start(task), buyer())
    assert told is not None
    assert told.reasons[0].text.startswith("last seen 82 days ago")


def test_the_heaviest_inputs_come_first(learned: Predictor) -> None:
    weights = [abs(weight) for _, weight in heaviest_inputs(learned)]
    assert weights
    assert weights == sorted(weights, reverse=True)


def test_every_input_has_a_topic() -> None:
    assert {name for name in INPUTS if topic_of(name) == "other"} == set()

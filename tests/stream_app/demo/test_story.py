"""The summary tells what happened in words that anybody can check."""

import msgspec

from stream_app.demo.story import ATTRIBUTION, report
from stream_app.demo.summary import Summary
from stream_app.scoring import load_lifecycles

LIFECYCLES = load_lifecycles(["six-stage"])
CHURN = {"examples": 1200, "base_rate": 0.5, "auc": 0.81, "log_loss": 0.52, "brier": 0.2, "ece": 0.01}
RISKY = {
    "customer_id": "12345",
    "stage": "service",
    "churn_risk": "0.91",
    "value_segment": "high",
    "recommended_action": "call them",
}
SUMMARY = Summary(
    events={"clickstream": 30, "purchases": 20},
    stages={"six-stage": {"awareness": 3, "purchase": 6}},
    transitions={"entered": 9, "advanced": 6},
    rescored=4,
    customers=9,
    examples={"churn": 1200, "next_stage": 0, "value": 0},
    models={"six-stage": {"churn": CHURN, "next_stage": {"examples": 0}, "value": {"examples": 0}}},
    churn_alerts=1,
    dead_letters=0,
    events_per_second=25.0,
    seconds=2.0,
    first_event_time="2009-12-01T00:00:00Z",
    last_event_time="2009-12-02T00:00:00Z",
    redis_agrees=True,
    top_churn_risks=[RISKY],
    sample_customers=["12345"],
    samples={"12345": RISKY},
    kafka="127.0.0.1:1",
    redis="redis://127.0.0.1:2/0",
    data_dir="/data/demo",
    services_stay=False,
    simulated_topics=["clickstream"],
    attribution=ATTRIBUTION,
)


def test_simulated_events_are_called_so_and_the_data_is_attributed() -> None:
    told = report(SUMMARY, LIFECYCLES)

    lines = {line.split()[0]: line.split()[-1] for line in told.splitlines() if line.startswith("  ")}
    assert (lines["clickstream"], lines["purchases"]) == ("simulated", "real")
    assert "CC BY 4.0" in told
    assert "10.24432/C5CG6D" in told


def test_every_stage_is_told_even_an_empty_one() -> None:
    told = report(SUMMARY, LIFECYCLES)

    for stage in LIFECYCLES[0].stages:
        assert stage.name in told


def test_quality_stands_beside_that_of_always_saying_the_base_rate() -> None:
    told = report(SUMMARY, LIFECYCLES)

    assert "AUC 0.810; log-loss 0.520, 0.693 for always saying the base rate of 50%" in told
    assert "next_stage no answer yet: a question is answered after 90d of event time" in told


def test_the_endangered_come_with_what_to_do() -> None:
    told = report(SUMMARY, LIFECYCLES)

    [line] = [line for line in told.splitlines() if "12345" in line]
    assert "0.91" in line
    assert "call them" in line


def test_a_disagreement_of_redis_is_not_kept_quiet() -> None:
    assert "please report" not in report(SUMMARY, LIFECYCLES)
    assert "please report" in report(msgspec.structs.replace(SUMMARY, redis_agrees=False), LIFECYCLES)

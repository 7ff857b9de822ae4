"""What is published, and when: versions, totals, and scores that have moved far enough."""

from collections import defaultdict
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from state import DAY, FAR, Event, format_instant, is_askable
from stream_app.outputs import ALERT, STAGE_CHANGE
from tests.properties.histories import cuts, histories
from tests.stream_app.partitions import RETAIL, VISITS, Partition, arrived, scoring

STEP = 0.05
BOTH = (RETAIL, VISITS)


def _lived(history: list[Event], runs: list[slice]) -> Partition:
    partition = Partition(scoring(*BOTH, risk_step=STEP, alert_cool_down=0))
    log = arrived(history)
    for run in runs:
        partition.fold(log[run])
    partition.tick(log[-1].at + 200 * DAY)
    return partition


@settings(max_examples=50, deadline=None)
@given(history=histories(), data=st.data())
def test_versions_of_a_customer_count_its_publications(history: list[Event], data: st.DataObject) -> None:
    partition = _lived(history, data.draw(cuts(len(history))))
    versions = defaultdict(list)
    for change in partition.changes():
        versions[change["customer_id"]].append(change["version"])
    for mine in versions.values():
        assert mine == list(range(1, len(mine) + 1))


@settings(max_examples=50, deadline=None)
@given(history=histories(), data=st.data())
def test_a_mere_score_is_published_when_it_has_moved_by_the_step_and_not_before(
    history: list[Event], data: st.DataObject
) -> None:
    partition = _lived(history, data.draw(cuts(len(history))))
    policy = partition.engine.scoring.policy
    scored = {track.name: track.lifecycle.uses_scores for track in partition.engine.scoring.tracks}
    last: dict[tuple[str, str], dict[str, Any]] = {}
    alerted: dict[tuple[str, str], bool] = defaultdict(bool)
    for change in partition.changes():
        key = (change["customer_id"], change["lifecycle"])
        risk = -1.0 if change["churn_risk"] is None else change["churn_risk"]
        before = last.get(key)
        crosses = (risk >= policy.alert_threshold) != alerted[key] and not (
            policy.alert_threshold - policy.alert_hysteresis <= risk < policy.alert_threshold
        )
        if before is not None and change["reason"] == "rescored" and not scored[key[1]]:
            was = -1.0 if before["churn_risk"] is None else before["churn_risk"]
            same = all(before[name] == change[name] for name in ("orders", "revenue", "refunds"))
            assert not same or crosses or abs(risk - was) >= STEP - 2e-6, (before, change)
        if crosses:
            alerted[key] = risk >= policy.alert_threshold
        last[key] = change


@settings(max_examples=40, deadline=None)
@given(history=histories(most=12))
def test_no_score_drifts_away_from_what_was_published(history: list[Event]) -> None:
    """Whenever scores are computed, what the world was last told is nearer than the step."""
    partition = Partition(scoring(*BOTH, risk_step=STEP, alert_cool_down=0))
    log = arrived(history)
    for record in log:
        partition.fold([record])
    for _ in range(40):
        due = partition.engine.shelf.timers.next_due()
        if due == FAR:
            break
        partition.tick(due)
        told = {(each["customer_id"], each["lifecycle"]): each for each in partition.changes()}
        for customer, profile in partition.profiles.items():
            if profile.scored_at != due or profile.evaluated_at != due:
                continue
            for index, track in enumerate(partition.engine.scoring.tracks):
                if not is_askable(profile, track.horizons.label):
                    continue
                compiled = partition.engine.scoring
                values = compiled.view(compiled.inputs.values(profile, due), profile.standings[index], due)
                stage = profile.standings[index].stage
                risk = partition.engine.scoring.predictors[index].score(values, stage).churn
                published = told[customer, track.name]["churn_risk"]
                assert published is not None
                assert abs(risk - published) < STEP + 1e-6, (customer, track.name, format_instant(due))


@settings(max_examples=50, deadline=None)
@given(history=histories())
def test_purchase_totals_are_published_whenever_they_change(history: list[Event]) -> None:
    partition = Partition(scoring(*BOTH))
    totals: dict[str, list[float]] = defaultdict(lambda: [0, 0.0, 0])
    for record, event in zip(arrived(history), history, strict=True):
        if event.active:
            mine = totals[event.customer]
            mine[0] += event.kind.order
            mine[1] += event.amount / 1e6 if event.kind.order else 0
            mine[2] += event.kind.name == "refund"
        partition.fold([record])
        for name in ("retail", "visits"):
            last = partition.changes(event.customer, name)[-1]
            assert [last["orders"], last["revenue"], last["refunds"]] == totals[event.customer]


def _last_alerts(partition: Partition) -> dict[tuple[str, str], tuple[str, str]]:
    """Status, and the instant of raising, of the last alert of each customer and lifecycle."""
    told = [orjson.loads(output.payload) for output in partition.outputs if output.kind == ALERT]
    return {
        (alert["customer_id"], alert["lifecycle"]): (alert["status"], alert["raised_at"]) for alert in told
    }


@settings(max_examples=50, deadline=None)
@given(history=histories(), data=st.data())
def test_a_republication_says_what_was_last_published(history: list[Event], data: st.DataObject) -> None:
    partition = _lived(history, data.draw(cuts(len(history))))
    told = {(each["customer_id"], each["lifecycle"]): each for each in partition.changes()}
    again = Partition(scoring(*BOTH), values=partition.table.values)
    again.engine.recover({})
    again.outputs = list(again.engine.republish())
    republished = {(each["customer_id"], each["lifecycle"]): each for each in again.changes()}
    assert _last_alerts(again) == _last_alerts(partition)
    assert sum(output.kind == STAGE_CHANGE for output in again.outputs) == len(told)
    for key, change in republished.items():
        assert change["reason"] == "rescored"
        assert change["event_time"] == change["since"]
        assert told[key] == change | {name: told[key][name] for name in ("reason", "event_time")}

import itertools
from typing import Any

import orjson

from state import DAY, FAR, HOUR, Profile, parse_instant
from stream_app.outputs import ALERT, STAGE_CHANGE, Output
from stream_app.step import evaluate, is_absorbed, observe, pass_time, state_of, totals
from tests.state.builders import START, build_event
from tests.stream_app.partitions import RETAIL, scoring

AT_RISK = """
name = "at-risk"
[[stage]]
name = "new"
[[stage]]
name = "customer"
enter = "orders >= 1"
[[stage]]
name = "at risk"
enter = "orders >= 1 and churn_risk >= 0.6"
"""


def _told(outputs: list[Output], kind: int = STAGE_CHANGE) -> list[dict[str, Any]]:
    return [orjson.loads(output.payload) for output in outputs if output.kind == kind]


def _bought(*days: float, lifecycle: str = RETAIL, **policy: Any) -> tuple[Any, Profile, list[Output]]:
    setup, profile, outputs = scoring(lifecycle, **policy), Profile(), []
    for number, day in enumerate(days):
        event = build_event(at=START + round(day * DAY), message=number << 20, amount=40_000_000)
        outputs += observe(setup, "ann", profile, event)[1]
    return setup, profile, outputs


def test_an_offset_is_absorbed_once_per_topic() -> None:
    profile = Profile()
    found = [is_absorbed(profile, *each) for each in ((0, 5), (0, 5), (0, 4), (1, 4), (0, 6))]
    assert found == [False, True, True, False, False]
    assert profile.offsets == {0: 6, 1: 4}


def test_a_message_that_was_folded_before_is_not_evaluated() -> None:
    setup, profile, _ = _bought(0)
    before = profile.evaluated_at
    assert observe(setup, "ann", profile, build_event(at=START, message=0)) == (False, [])
    assert profile.evaluated_at == before


def test_time_does_nothing_to_somebody_who_was_never_evaluated() -> None:
    profile = Profile()
    assert pass_time(scoring(), "ann", profile, FAR - 1) == []
    assert profile == Profile()


def test_time_passes_in_as_small_portions_as_wanted() -> None:
    setup, profile, _ = _bought(0)
    _, other, _ = _bought(0)
    until = START + 200 * DAY
    whole = pass_time(setup, "ann", profile, until)
    portions = []
    while other.due <= until:
        portions += pass_time(setup, "ann", other, until, most=1)
    assert portions == whole
    assert other == profile


def test_totals_are_published_though_no_stage_changes() -> None:
    _, profile, outputs = _bought(0, 0.001, 0.002)
    told = _told(outputs)
    assert [each["orders"] for each in told] == [1, 2, 3]
    assert [each["reason"] for each in told] == ["entered", "rescored", "advanced"]
    assert totals(profile) == (3, 120_000_000, 0, 0)


def test_the_value_segment_follows_the_revenue() -> None:
    segments = ((100_000_000, "high"), (50_000_000, "middle"), (0, "low"))
    _, _, outputs = _bought(0, 1, 2, segments=segments)
    assert [each["value_segment"] for each in _told(outputs)] == ["low", "middle", "high"]


def test_an_alert_goes_out_once_a_crossing_and_again_after_a_release() -> None:
    setup, profile, outputs = _bought(0, 10, 20, 30)
    outputs += pass_time(setup, "ann", profile, START + 300 * DAY)
    (alert,) = _told(outputs, ALERT)
    assert alert["churn_risk"] >= setup.policy.alert_threshold
    assert alert["status"] == "raised"
    assert profile.standings[0].alerted
    outputs += observe(setup, "ann", profile, build_event(at=START + 301 * DAY, message=99))[1]
    release = setup.policy.alert_threshold - setup.policy.alert_hysteresis
    assert _told(outputs)[-1]["churn_risk"] < release
    assert not profile.standings[0].alerted
    outputs += pass_time(setup, "ann", profile, START + 900 * DAY)
    assert [each["status"] for each in _told(outputs, ALERT)] == ["raised", "resolved", "raised"]
    versions = {each["version"] for each in _told(outputs)}
    assert {each["version"] for each in _told(outputs, ALERT)} <= versions


def test_a_stage_by_score_is_entered_under_the_risk_that_is_published() -> None:
    setup, profile, outputs = _bought(0, 10, 20, 30, lifecycle=AT_RISK)
    outputs += pass_time(setup, "ann", profile, START + 300 * DAY)
    told = _told(outputs)
    assert {each["stage"] for each in told} >= {"customer", "at risk"}
    for each in told[1:]:
        assert (each["stage"] == "at risk") == (each["churn_risk"] >= 0.6)
    moves = [each for each in told if each["reason"] != "rescored"]
    instants = [parse_instant(each["event_time"]) for each in moves]
    assert all(later - earlier > HOUR for earlier, later in itertools.pairwise(instants))


def test_whoever_never_was_active_has_no_risk() -> None:
    setup, profile = scoring(), Profile()
    outputs = observe(setup, "ann", profile, build_event("Page Viewed"))[1]
    (told,) = _told(outputs)
    assert (told["stage"], told["churn_risk"]) == ("prospect", None)


def test_a_question_missed_in_a_long_silence_is_not_asked_at_the_event_that_ends_it() -> None:
    setup, profile, _ = _bought(0)
    asked = START + 400 * DAY
    pass_time(setup, "ann", profile, asked)
    assert not [each for each in profile.pending if each.asked_at > START + setup.silence]
    profile.pending = []
    observe(setup, "ann", profile, build_event(at=asked, message=77))
    assert profile.pending == []
    pass_time(setup, "ann", profile, asked + 30 * DAY)
    (question,) = profile.pending
    assert asked < question.asked_at <= asked + 30 * DAY


def test_the_present_state_says_since_when_it_holds() -> None:
    setup, profile, _ = _bought(0, 1)
    evaluate(setup, "ann", profile, START + 5 * DAY)
    told = orjson.loads(state_of(setup, 0, "ann", profile))
    assert (told["reason"], told["event_time"]) == ("rescored", told["since"])
    assert told["since"] == "2026-01-05T10:00:00Z"

"""Crossings of the churn risk: by value, with hysteresis and cool-down, by time alone, each told once."""

from typing import Any

import orjson
import pytest
from msgspec.structs import replace

from state import DAY, Profile, parse_instant
from stream_app.outputs import ALERT, STAGE_CHANGE, Output
from stream_app.step import observe, pass_time
from tests.state.builders import START, build_event
from tests.stream_app.partitions import Partition, arrived, scoring

SEGMENTS = ((100_000_000, "high"), (0, "low"))


def told(outputs: list[Output]) -> list[dict[str, Any]]:
    return [orjson.loads(output.payload) for output in outputs if output.kind == ALERT]


class Customer:
    """One customer over time."""

    def __init__(self, amount: float = 40.0, **policy: Any) -> None:
        self.setup, self.profile = scoring(segments=SEGMENTS, **policy), Profile()
        self.outputs: list[Output] = []
        self._amount = round(amount * 1e6)
        self._number = 0

    def buys(self, *days: float) -> "Customer":
        for day in days:
            self._number += 1
            event = build_event(at=START + round(day * DAY), message=self._number << 20, amount=self._amount)
            self.outputs += observe(self.setup, "ann", self.profile, event)[1]
        return self

    def is_silent_until(self, day: float) -> "Customer":
        self.outputs += pass_time(self.setup, "ann", self.profile, START + round(day * DAY))
        return self

    @property
    def alerts(self) -> list[dict[str, Any]]:
        return told(self.outputs)


def day_of(alert: dict[str, Any]) -> float:
    return (parse_instant(alert["event_time"]) - START) / DAY


def test_a_customer_who_goes_silent_is_alerted_by_time_alone_and_once() -> None:
    ann = Customer().buys(0, 10, 20, 30)
    assert ann.alerts == []
    ann.is_silent_until(400)

    (alert,) = ann.alerts
    assert (alert["status"], alert["customer_id"]) == ("raised", "ann")
    assert 30 < day_of(alert) < 200
    assert alert["raised_at"] == alert["event_time"]
    assert alert["churn_risk"] >= ann.setup.policy.alert_threshold


def test_an_alert_says_why_and_what_to_do() -> None:
    (alert,) = Customer().buys(0, 10, 20, 30).is_silent_until(400).alerts

    assert alert["recommended_action"] == "welcome series" or alert["stage"] != "customer"
    assert "order" in alert["reasons"][0]["text"]
    assert alert["reasons"][0]["log_odds"] > 0
    assert (alert["value_segment"], alert["revenue"]) == ("high", 160.0)


def test_who_is_worth_more_is_alerted_about_earlier() -> None:
    days = []
    for amount in (1.0, 40.0):
        ann = Customer(amount, alert_thresholds={"high": 0.6}).buys(0, 10, 20, 30).is_silent_until(400)
        days.append(day_of(ann.alerts[0]))

    cheap, dear = days
    assert dear < cheap


def test_coming_back_resolves_the_alert() -> None:
    ann = Customer().buys(0, 10, 20, 30).is_silent_until(300).buys(301)

    raised, resolved = ann.alerts
    assert (resolved["status"], resolved["reasons"]) == ("resolved", [])
    assert resolved["raised_at"] == raised["raised_at"]
    assert resolved["churn_risk"] < ann.setup.policy.alert_threshold - ann.setup.policy.alert_hysteresis
    assert resolved["version"] > raised["version"]


@pytest.mark.parametrize("cool_down", [0, 500])
def test_within_the_cool_down_nobody_is_alerted_again_and_after_it_by_time_alone(cool_down: int) -> None:
    ann = Customer(alert_cool_down=cool_down * DAY).buys(0, 10, 20, 30).is_silent_until(200).buys(201)
    first = day_of(ann.alerts[0])
    ann.is_silent_until(1000)

    again = [day_of(alert) for alert in ann.alerts if alert["status"] == "raised"][1]
    if cool_down:
        assert again == first + cool_down
    else:
        assert again < first + 500


def test_each_alert_belongs_to_a_published_state() -> None:
    ann = Customer().buys(0, 10, 20, 30).is_silent_until(300).buys(301, 311).is_silent_until(900)

    versions = {orjson.loads(each.payload)["version"] for each in ann.outputs if each.kind == STAGE_CHANGE}
    assert len(ann.alerts) == 3
    assert {alert["version"] for alert in ann.alerts} <= versions


def test_however_time_is_cut_the_alerts_are_the_same() -> None:
    whole, cut = Customer().buys(0, 10, 20).is_silent_until(700), Customer().buys(0, 10, 20)
    for day in range(20, 701, 7):
        cut.is_silent_until(day)

    assert cut.alerts == whole.alerts


def test_with_the_wall_clock_it_is_the_hours_that_pass_which_alert_also_over_restarts() -> None:
    setup, days = scoring(segments=SEGMENTS), (0, 10, 20, 30)
    partition = Partition(setup, "wall")
    for number, day in enumerate(days):
        event = build_event(at=START + day * DAY, message=(number + 1) << 20, amount=40_000_000)
        records = [replace(record, offset=number) for record in arrived([event])]
        partition.fold(records, now=START + day * DAY)
    assert told(partition.outputs) == []

    alerts = []
    for day in range(31, 400, 3):
        partition.tick(START + day * DAY)
        alerts += told(partition.outputs)
        if not day % 2:  # another worker takes over, with what the changelog has
            stored, partition = dict(partition.table.values), Partition(setup, "wall", None)
            partition = Partition(setup, "wall", stored)
            again, _ = partition.engine.recover({})
            alerts += told(again)
        else:
            partition.outputs.clear()
    versions = {alert["version"] for alert in alerts}
    assert len(versions) == 1, "one crossing, however often it is sent"
    assert 30 < day_of(alerts[0]) < 200

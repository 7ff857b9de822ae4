"""When is somebody about to leave, so much that people should be told? Crossings of the churn risk, and what is said.

An alert is raised when the risk reaches the threshold of the customer's value segment, and resolved when it has fallen
clearly below. Another one for the same customer is not raised before the cool-down is over; if the risk is still high
then, it is raised by time alone. What has been raised stands in the profile, so each crossing is told once, whatever
crashes: the alert lies in the outbox of the same record.
"""

from collections.abc import Sequence
from typing import Final, Literal

import orjson

from scorers.explanation import explain
from state import FAR, MEASURE_IDS, Profile, Standing, format_instant
from stream_app.outputs import ALERT, Output
from stream_app.scoring import Policy, Scoring

__all__ = ["Crossing", "alert_due", "alert_of", "crossing", "erased_alert", "is_cooled", "raises"]

Crossing = Literal["", "raised", "resolved"]
MOST_REASONS: Final = 3
_REVENUE: Final = MEASURE_IDS["revenue"]
_MICRO: Final = 1_000_000


def crossing(policy: Policy, standing: Standing, profile: Profile, at: int) -> Crossing:
    """What the fresh risk of *standing* is at the instant *at* (µs): an alert, the end of one, or neither."""
    if not standing.alerted and standing.risk < policy.least_threshold:
        return ""
    segment = policy.segment_of(profile.counts[_REVENUE])
    threshold = policy.alert_thresholds.get(segment, policy.alert_threshold)
    if standing.alerted:
        return "resolved" if standing.risk < threshold - policy.alert_hysteresis else ""
    if standing.risk < threshold or (
        standing.alerted_at and at < standing.alerted_at + policy.alert_cool_down
    ):
        return ""
    return "raised"


def is_cooled(policy: Policy, standing: Standing, before: int, at: int) -> bool:
    """Whether a cool-down has ended since the instant *before* (µs), so that a high risk is told by time alone."""
    if standing.alerted or not standing.alerted_at:
        return False
    return before < standing.alerted_at + policy.alert_cool_down <= at


def raises(standing: Standing, crossed: Crossing, at: int) -> None:
    """Keep in *standing* that the crossing has been told at the instant *at* (µs)."""
    if crossed == "raised":
        standing.alerted, standing.alerted_at = True, at
    elif crossed == "resolved":
        standing.alerted = False


def alert_due(policy: Policy, standing: Standing, at: int) -> int:
    """The instant (µs) after *at* at which a cool-down ends while the risk may be high; else FAR."""
    if standing.alerted or not standing.alerted_at or standing.risk < policy.least_threshold:
        return FAR
    end = standing.alerted_at + policy.alert_cool_down
    return end if end > at else FAR


def alert_of(
    scoring: Scoring,
    index: int,
    customer: str,
    profile: Profile,
    seen: Sequence[float],
    at: int,
    status: Crossing = "raised",
) -> Output:
    """A crossing: who, how likely, why, since when, and what to do. (`customer_id`, `version`) identifies it.

    Args:
        scoring: Compiled configuration and models.
        index: Index of the lifecycle.
        customer: Customer id.
        profile: Profile after the crossing.
        seen: What the models saw (`Scoring.view`).
        at: Instant (µs) of the crossing.
        status: raised or resolved.
    """
    track, predictor, standing = scoring.tracks[index], scoring.predictors[index], profile.standings[index]
    told = explain(predictor, seen, MOST_REASONS) if status == "raised" else None
    reasons = [
        {"topic": reason.topic, "log_odds": round(reason.log_odds, 4), "text": reason.text}
        for reason in (told.reasons if told else ())
    ]
    payload = orjson.dumps(
        {
            "customer_id": customer,
            "lifecycle": track.name,
            "status": status,
            "stage": track.stages[standing.stage],
            "churn_risk": round(standing.risk, 6) if standing.risk >= 0 else None,
            "value_segment": scoring.policy.segment_of(profile.counts[_REVENUE]),
            "revenue": profile.counts[_REVENUE] / _MICRO,
            "recommended_action": track.actions[standing.stage],
            "reasons": reasons,
            "raised_at": format_instant(standing.alerted_at),
            "event_time": format_instant(at),
            "version": standing.version,
            "model_version": predictor.version,
        }
    )
    return Output(ALERT, customer.encode(), payload)


def erased_alert(customer: str, lifecycle: str, version: int) -> Output:
    """The record by which everybody forgets the alerts of a customer."""
    told = {"customer_id": customer, "lifecycle": lifecycle, "status": "erased", "version": version}
    return Output(ALERT, customer.encode(), orjson.dumps(told))

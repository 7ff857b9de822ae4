"""What the service publishes, as JSON: stage changes, churn alerts, training examples and their routing."""

from typing import NamedTuple

import orjson

from state import MEASURE_IDS, Profile, Standing, format_instant

__all__ = [
    "ALERT",
    "ERASURE",
    "EXAMPLE",
    "STAGE_CHANGE",
    "Move",
    "Output",
    "erasure_json",
    "stage_change_json",
]

_ORDERS, _REVENUE, _REFUNDS = (MEASURE_IDS[name] for name in ("orders", "revenue", "refunds"))
_MICRO = 1_000_000

#: Kinds of output, as they are kept in a profile's outbox.
STAGE_CHANGE, ALERT, EXAMPLE, ERASURE = 0, 1, 2, 3


#: A transition: lifecycle index, stage before (-1: none) and after.
Move = tuple[int, int, int]


class Output(NamedTuple):
    """One message to publish.

    Attributes:
        kind: `STAGE_CHANGE`, `ALERT`, `EXAMPLE` or `ERASURE`: decides the topic.
        key: Kafka key, the customer id's bytes.
        payload: JSON.
        move: The transition that it tells, if any.
    """

    kind: int
    key: bytes
    payload: bytes
    move: Move | None = None


def stage_change_json(
    customer: str,
    profile: Profile,
    standing: Standing,
    *,
    lifecycle: str,
    stages: tuple[str, ...],
    reason: str,
    event_time: int,
    value_segment: str,
    recommended_action: str,
    model_version: int,
) -> bytes:
    """The stage change of the contracts, with the purchase totals that a website shows beside it.

    Args:
        customer: Customer id.
        profile: Profile after the change.
        standing: Standing after the change in this lifecycle.
        lifecycle: Name of the lifecycle.
        stages: Its stage names, in order.
        reason: entered, advanced, skipped, returned, lapsed, reactivated or rescored.
        event_time: Instant (µs) at which the condition became true.
        value_segment: Name of the value segment.
        recommended_action: First action of the stage, empty if it has none.
        model_version: Version of the model that gave the scores.
    """
    return orjson.dumps(
        {
            "customer_id": customer,
            "lifecycle": lifecycle,
            "stage": stages[standing.stage],
            "previous_stage": stages[standing.previous] if standing.previous >= 0 else None,
            "since": format_instant(standing.since),
            "reason": reason,
            "churn_risk": round(standing.risk, 6) if standing.risk >= 0 else None,
            "next_stage": stages[standing.next_stage] if standing.next_stage >= 0 else None,
            "next_stage_probability": round(standing.next_p, 6),
            "value_segment": value_segment,
            "recommended_action": recommended_action,
            "event_time": format_instant(event_time),
            "version": standing.version,
            "model_version": model_version,
            "cycle": standing.cycle,
            "orders": profile.counts[_ORDERS],
            "revenue": profile.counts[_REVENUE] / _MICRO,
            "refunds": profile.counts[_REFUNDS],
        }
    )


def erasure_json(customer: str, lifecycle: str, version: int) -> bytes:
    """The record by which everybody downstream forgets a customer."""
    return orjson.dumps({"customer_id": customer, "lifecycle": lifecycle, "version": version, "erased": True})

"""What the service publishes, as JSON: stage changes, churn alerts, training examples and their routing."""

from collections.abc import Iterable
from typing import NamedTuple

import orjson

from state import MEASURE_IDS, Profile, Standing, format_instant

__all__ = [
    "ALERT",
    "ERASURE",
    "EXAMPLE",
    "MERGE",
    "NOTE",
    "STAGE_CHANGE",
    "Move",
    "Output",
    "erasure_json",
    "merge_json",
    "owed_by",
    "stage_change_json",
]

_ORDERS, _REVENUE, _REFUNDS = (MEASURE_IDS[name] for name in ("orders", "revenue", "refunds"))
_MICRO = 1_000_000

#: Kinds of output, as they are kept in a profile's outbox.
STAGE_CHANGE, ALERT, EXAMPLE, ERASURE, NOTE, MERGE = 0, 1, 2, 3, 4, 5


#: A transition: lifecycle index, stage before (-1: none) and after.
Move = tuple[int, int, int]


class Output(NamedTuple):
    """One message to publish.

    Attributes:
        kind: `STAGE_CHANGE`, `ALERT`, `EXAMPLE`, `ERASURE`, `NOTE` or `MERGE`: decides the topic.
        key: The bytes of the customer id in whose outbox it lies; Kafka key of all but notes, which go to another id.
        payload: JSON; of a note see `stream_app.identity_notes`.
        move: The transition that it tells, if any.
    """

    kind: int
    key: bytes
    payload: bytes
    move: Move | None = None


def owed_by(outputs: Iterable[Output]) -> dict[bytes, list[Output]]:
    """Outputs by key, each one's in order."""
    found: dict[bytes, list[Output]] = {}
    for output in outputs:
        found.setdefault(output.key, []).append(output)
    return found


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


def erasure_json(customer: str, lifecycle: str, version: int, alias: str = "") -> bytes:
    """The record by which everybody downstream forgets a customer, or finds it under the id *alias* from now on."""
    told = {"customer_id": customer, "lifecycle": lifecycle, "version": version, "erased": True}
    return orjson.dumps({**told, "alias": alias} if alias else told)


def merge_json(
    action: str, customer: str, anonymous: str, *, number: int, at: int, reason: str, nonce: str = ""
) -> bytes:
    """What became of the merge of two ids, for the audit. (`customer_id`, `anonymous_id`, `action`, `number`) identifies it.

    Args:
        action: merged, refused, unmerged or unmerge_refused.
        customer: The customer.
        anonymous: The other id.
        number: Number of the note that decided it.
        at: Event time (µs) of what caused it.
        reason: Why.
        nonce: Which request of an operator it answers.
    """
    told = {
        "action": action,
        "customer_id": customer,
        "anonymous_id": anonymous,
        "event_time": format_instant(at),
        "reason": reason,
        "number": number,
    }
    return orjson.dumps({**told, "nonce": nonce} if nonce else told)

"""What a website gets to know about one customer."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from math import isfinite
from typing import Literal

__all__ = ["Origin", "StageProfile", "unknown", "with_fields"]

Origin = Literal["redis", "cache", "last_known", "unknown", "default"]
"""Where a profile comes from: read just now; kept and still true; kept from before Redis went away; Redis knows no
such customer; Redis is away and nothing is kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageProfile:
    """One customer in one lifecycle, as Redis serves it.

    Attributes:
        customer_id: The customer; of a merged anonymous id, the one that it belongs to.
        stage: Stage name, or the default stage for somebody who is not known.
        origin: Where this comes from.
        lifecycle: Name of the lifecycle.
        previous_stage: Stage before.
        since: Instant (UTC) at which the stage was reached.
        reason: Why the last change came: entered, advanced, skipped, returned, lapsed, reactivated, rescored.
        churn_risk: Probability of churn; None for somebody who was never active.
        next_stage: Likeliest next stage.
        next_stage_probability: Its probability.
        value_segment: Segment by lifetime revenue.
        recommended_action: First action of the stage.
        event_time: Instant (UTC) of the last change.
        version: Number of the last change; only grows.
        model_version: Version of the models that scored.
        cycle: 1 from the first stage on, and one more for each return from a lost stage.
        orders: Orders ever.
        revenue: Revenue ever, in the base currency.
        refunds: Refunds ever, in the base currency.
    """

    customer_id: str
    stage: str
    origin: Origin
    lifecycle: str = ""
    previous_stage: str | None = None
    since: datetime | None = None
    reason: str = ""
    churn_risk: float | None = None
    next_stage: str | None = None
    next_stage_probability: float = 0.0
    value_segment: str = ""
    recommended_action: str = ""
    event_time: datetime | None = None
    version: int = 0
    model_version: int = 0
    cycle: int = 0
    orders: int = 0
    revenue: float = 0.0
    refunds: float = 0.0

    @property
    def is_known(self) -> bool:
        """Whether the stage is the customer's own and not the default one."""
        return self.origin in {"redis", "cache", "last_known"}


def unknown(customer: str, stage: str, origin: Origin) -> StageProfile:
    """The profile of somebody of whom nothing is known, or nothing can be known now."""
    return StageProfile(customer_id=customer, stage=stage, origin=origin)


def with_fields(customer: str, fields: Mapping[str, str]) -> StageProfile:
    """The profile that a customer's hash spells; a field that is missing or unreadable takes its default.

    Examples:
        >>> one = with_fields("c1", {"stage": "loyal", "churn_risk": "0.25", "since": "2026-01-02T00:00:00Z"})
        >>> one.stage, one.churn_risk, one.since.year, one.version
        ('loyal', 0.25, 2026, 0)
        >>> with_fields("c1", {"stage": "loyal", "churn_risk": "nan", "version": "inf"}).version
        0
    """
    get = fields.get
    return StageProfile(
        customer_id=customer,
        stage=fields["stage"],
        origin="redis",
        lifecycle=get("lifecycle", ""),
        previous_stage=get("previous_stage") or None,
        since=_instant(get("since")),
        reason=get("reason", ""),
        churn_risk=_number(get("churn_risk")),
        next_stage=get("next_stage") or None,
        next_stage_probability=_number(get("next_stage_probability")) or 0.0,
        value_segment=get("value_segment", ""),
        recommended_action=get("recommended_action", ""),
        event_time=_instant(get("event_time")),
        version=int(_number(get("version")) or 0),
        model_version=int(_number(get("model_version")) or 0),
        cycle=int(_number(get("cycle")) or 0),
        orders=int(_number(get("orders")) or 0),
        revenue=_number(get("revenue")) or 0.0,
        refunds=_number(get("refunds")) or 0.0,
    )


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "nan")
    except ValueError:
        return None
    return number if isfinite(number) else None


def _instant(text: str | None) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if text else None
    except ValueError:
        return None

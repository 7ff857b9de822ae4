"""What does a model see of a profile?

Raw features become inputs in one fixed order: heavy tails are squeezed by ``log1p``, an infinite age becomes
a long one, the closed form adds what is known about buying, and everything is standardised online and
clipped, so that no single customer can throw a linear model off.
"""

from collections.abc import Hashable, Sequence
from math import log1p
from typing import Any

from river import base

from scorers.closed_form import NOTHING_KNOWN, Silence, silence

AGES: tuple[str, ...] = (
    "days_since_first_order",
    "days_since_last_order",
    "days_since_first_event",
    "days_since_last_event",
    "order_gap_mean_days",
    "order_gap_std_days",
    "last_gap_days",
)
AMOUNTS: tuple[str, ...] = (
    "orders",
    "orders_30d",
    "avg_order_value",
    "sessions_30d",
    "product_views_30d",
    "carts_30d",
    "email_opens_30d",
    "email_clicks_30d",
    "tickets_90d",
    "unsubscribes",
    "sessions",
    "orders_90d",
    "orders_decayed_7d",
    "orders_decayed_30d",
    "orders_decayed_90d",
    "last_order_value",
    "revenue_30d",
    "revenue_decayed_30d",
)
FEATURES: tuple[str, ...] = (*AGES, *AMOUNTS, "order_trend")
"""The profile features that the models read, in this order."""

ORDERS = FEATURES.index("orders")
FIRST_ORDER = FEATURES.index("days_since_first_order")
LAST_ORDER = FEATURES.index("days_since_last_order")
GAP_MEAN = FEATURES.index("order_gap_mean_days")
ORDER_VALUE = FEATURES.index("avg_order_value")
SESSIONS = FEATURES.index("sessions")
FIRST_EVENT = FEATURES.index("days_since_first_event")
LAST_EVENT = FEATURES.index("days_since_last_event")

INPUTS: tuple[str, ...] = (
    *(f"log_{name}" for name in FEATURES),
    "log_recency_over_gap",
    *(f"closed_form_{name}" for name in Silence._fields),
)
"""Names of the model inputs, in the order of `inputs`."""

CLIP = 3.0  # standard deviations
LONG_AGO_DAYS = 3650.0  # stands for "never" and for everything older
MOST = 1e12  # no count or amount is larger


MOST_TREND = 10.0
MOST_RATIO = 100.0
LOG_LONG_AGO, LOG_MOST, LOG_TREND, LOG_RATIO = map(log1p, (LONG_AGO_DAYS, MOST, MOST_TREND, MOST_RATIO))
N_AGES = len(AGES)
TREND = len(FEATURES) - 1


def inputs(features: Sequence[float], known: Silence) -> list[float]:
    """Turn raw features into model inputs, in the order of `INPUTS`.

    Args:
        features: Values of `FEATURES`: ages in days, infinite when never. Anything beyond its cap, infinite
            or not a number counts as the cap, anything below zero as zero.
        known: What the closed form says about this customer.

    Returns:
        Finite numbers. About 3 µs.

    Examples:
        >>> never = inputs([float("inf")] * len(FEATURES), NOTHING_KNOWN)
        >>> len(never) == len(INPUTS), max(never) < 30
        (True, True)
    """
    # Written out for speed: a call per number would cost more than the logarithms.
    values = [
        log1p(age) if 0.0 < age < LONG_AGO_DAYS else (0.0 if age <= 0.0 else LOG_LONG_AGO)
        for age in features[:N_AGES]
    ]
    values += [
        log1p(amount) if 0.0 < amount < MOST else (0.0 if amount <= 0.0 else LOG_MOST)
        for amount in features[N_AGES:TREND]
    ]
    trend, gap, recency = features[TREND], features[GAP_MEAN], features[LAST_ORDER]
    values.append(log1p(trend) if 0.0 <= trend < MOST_TREND else LOG_TREND)
    ratio = recency / gap if 0.0 < gap < LONG_AGO_DAYS else 0.0
    values.append(log1p(ratio) if 0.0 <= ratio < MOST_RATIO else LOG_RATIO)
    values += known
    return values


def activity(features: Sequence[float], basis: str, horizon: float) -> Silence:
    """Ask the closed form about the activity that a lifecycle watches.

    Args:
        features: Values of `FEATURES`.
        basis: ``orders`` watches orders; ``events`` and ``cancellations`` watch visits.
        horizon: Days ahead.

    Returns:
        `NOTHING_KNOWN` for somebody who has never been active.
    """
    if basis == "orders":
        return silence(features[ORDERS], features[FIRST_ORDER], features[LAST_ORDER], horizon)
    first = features[FIRST_EVENT]
    # Somebody known by an e-mail alone has events but no session: one visit is the least that can be said.
    return silence(max(features[SESSIONS], 1.0), first, features[LAST_EVENT], horizon)


class Clip(base.Transformer):
    """Limits every input to a number of standard deviations, after scaling.

    Examples:
        >>> Clip(3.0).transform_one({"a": 9.0, "b": -1.0})
        {'a': 3.0, 'b': -1.0}
    """

    def __init__(self, limit: float = CLIP) -> None:
        self.limit = limit

    def transform_one(self, x: dict[Hashable, Any]) -> dict[Hashable, Any]:
        """Give a clipped copy."""
        limit = self.limit
        return {name: min(max(value, -limit), limit) for name, value in x.items()}


__all__ = ["CLIP", "FEATURES", "INPUTS", "NOTHING_KNOWN", "Clip", "activity", "inputs"]

"""What does a model see of a profile?

Raw features become inputs in one fixed order: heavy tails are squeezed by ``log1p``, an infinite age becomes a long one,
the closed form adds what is known about buying. Afterwards everything is standardised online and clipped
(`scorers.linear.Scaler`), so that no single customer can throw a linear model off.
"""

from collections.abc import Sequence
from math import log1p
from typing import Final, NamedTuple

import numpy as np

from scorers.closed_form import NEVER, NOTHING_KNOWN, Silence, silence
from scorers.linear import Vector

AGES: Final = (
    "days_since_first_order",
    "days_since_last_order",
    "days_since_first_event",
    "days_since_last_event",
    "order_gap_mean_days",
    "order_gap_std_days",
    "last_gap_days",
    "days_since_last_email_open",
)
AMOUNTS: Final = (
    "orders",
    "order_days",
    "orders_30d",
    "orders_90d",
    "orders_decayed_7d",
    "orders_decayed_30d",
    "orders_decayed_90d",
    "avg_order_value",
    "last_order_value",
    "revenue_30d",
    "revenue_90d",
    "revenue_decayed_30d",
    "revenue_decayed_90d",
    "refunds_90d",
    "sessions",
    "sessions_30d",
    "events_decayed_7d",
    "product_views_30d",
    "product_views_decayed_7d",
    "carts_30d",
    "carts_decayed_7d",
    "email_deliveries_7d",
    "email_opens_30d",
    "email_opens_decayed_7d",
    "email_clicks_30d",
    "unsubscribes",
    "spam_complaints",
    "tickets_90d",
    "feedback_90d",
    "reviews_90d",
    "shares_90d",
    "ad_clicks_30d",
)
PROFILE_FEATURES: Final = (*AGES, *AMOUNTS, "order_trend")
"""What is read from a profile."""
STANDING_FEATURES: Final = ("days_in_stage",)
"""What is read from the standing in a lifecycle."""
FEATURES: Final = (*PROFILE_FEATURES, *STANDING_FEATURES)
"""The features that the models read, in this order."""

FIRST_ORDER, LAST_ORDER, FIRST_EVENT, LAST_EVENT, GAP_MEAN = range(5)
ORDERS = FEATURES.index("orders")
ORDER_DAYS = FEATURES.index("order_days")
ORDER_VALUE = FEATURES.index("avg_order_value")
REVENUE_LATELY = FEATURES.index("revenue_decayed_90d")
SESSIONS = FEATURES.index("sessions")
DAYS_IN_STAGE = FEATURES.index("days_in_stage")

INPUTS: Final = (
    *(f"log_{name}" for name in FEATURES),
    "log_recency_over_gap",
    *(f"closed_form_{name}" for name in Silence._fields),
    "closed_form_fitted",
)
"""Names of the model inputs, in the order of `inputs`."""
FITTED: Final = len(INPUTS) - 1

LONG_AGO_DAYS = 3650.0  # stands for "never" and for everything older
MOST = 1e12  # no count or amount is larger
MOST_TREND = 10.0
MOST_RATIO = 100.0
MOST_ODDS = 50.0
_HIGH: Final = np.array(
    [LONG_AGO_DAYS] * len(AGES)
    + [MOST] * len(AMOUNTS)
    + [MOST_TREND]
    + [LONG_AGO_DAYS] * len(STANDING_FEATURES)
    + [MOST_ODDS]
    * (len(INPUTS) - len(FEATURES))  # whoever orders by the million stretches the scale for nobody
)
_LOW: Final = np.array([0.0] * len(FEATURES) + [-MOST_ODDS] * (len(INPUTS) - len(FEATURES)))
_N: Final = len(FEATURES)
_LOG_RATIO: Final = log1p(MOST_RATIO)


class Rhythm(NamedTuple):
    """What the closed form asks of a customer.

    Attributes:
        acts: Times of the watched activity so far; one at least.
        age: Days since the first.
        recency: Days since the last.
    """

    acts: float
    age: float
    recency: float


def rhythm(features: Sequence[float], basis: str) -> Rhythm | None:
    """Read the activity that a lifecycle watches.

    Args:
        features: Values of `FEATURES`.
        basis: ``orders`` watches days with orders; ``events`` and ``cancellations`` watch visits.

    Returns:
        `None` for somebody who has never been active.
    """
    if basis == "orders":
        acts, age, recency = features[ORDER_DAYS], features[FIRST_ORDER], features[LAST_ORDER]
        if not acts >= 1.0:
            acts = features[ORDERS]
    else:
        age, recency = features[FIRST_EVENT], features[LAST_EVENT]
        # Somebody known by an e-mail alone has events but no session: one visit is the least that can be said.
        acts = max(features[SESSIONS], 1.0)
    if not (acts >= 1.0 and 0.0 <= age < NEVER):  # a customer of ten years and more is no stranger
        return None
    return Rhythm(min(acts, MOST), age, recency if 0.0 <= recency <= age else age)


def inputs(
    features: Sequence[float], known: Rhythm | None, horizon: float, said: float, usual: Silence | None = None
) -> Vector:
    """Turn raw features into model inputs, in the order of `INPUTS`.

    Args:
        features: Values of `FEATURES`: ages in days, infinite when never. Anything beyond its cap, infinite
            or not a number counts as the cap, anything below zero as zero.
        known: What `rhythm` says about them.
        horizon: Days that the closed form looks ahead.
        said: Log odds of churn that need no regression (`scorers.churn.told`).
        usual: What the closed form says under fixed parameters, if it has been asked already.

    Returns:
        Finite numbers. About 6 µs.

    Examples:
        >>> never = inputs([float("inf")] * len(FEATURES), None, 90.0, 0.0)
        >>> len(never) == len(INPUTS), bool(max(never) < 30)
        (True, True)
    """
    gap, recency = features[GAP_MEAN], features[LAST_ORDER]
    ratio = recency / gap if 0.0 < gap < LONG_AGO_DAYS else 0.0
    told = log1p(ratio) if 0.0 <= ratio < MOST_RATIO else _LOG_RATIO
    x: Vector = np.array(
        [*features, told, *(usual or silence(*known, horizon) if known else NOTHING_KNOWN), said],
        dtype=np.float64,
    )
    np.fmin(x, _HIGH, out=x)
    np.fmax(x, _LOW, out=x)
    head = x[:_N]
    np.log1p(head, out=head)
    return x

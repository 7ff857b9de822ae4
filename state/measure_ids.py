"""What is counted: the fixed measures, their ids and their singulars.

Measures are part of the stored profile: a measure's id is its position in `MEASURES` and never changes, so
the tuple only grows at its end.
"""

from typing import Final

MEASURES: Final = (
    "events",
    "sessions",
    "page_views",
    "product_views",
    "carts",
    "checkouts",
    "orders",
    "revenue",
    "refunds",
    "email_deliveries",
    "email_opens",
    "email_clicks",
    "unsubscribes",
    "spam_complaints",
    "tickets",
    "feedback",
    "reviews",
    "shares",
    "referrals",
    "ad_impressions",
    "ad_clicks",
    "refund_amount",
    "cancellations",
    "trials",
    "signups",
    "feature_uses",
    "leads",
    "demos",
    "order_days",
)
"""Every measure, by id. Append only: stored profiles refer to positions."""

MEASURE_IDS: Final = {name: index for index, name in enumerate(MEASURES)}

EVENTS: Final = MEASURE_IDS["events"]
SESSIONS: Final = MEASURE_IDS["sessions"]
ORDERS: Final = MEASURE_IDS["orders"]
REVENUE: Final = MEASURE_IDS["revenue"]
REFUNDS: Final = MEASURE_IDS["refunds"]
CANCELLATIONS: Final = MEASURE_IDS["cancellations"]
ORDER_DAYS: Final = MEASURE_IDS["order_days"]

AMOUNTS: Final = frozenset({REVENUE, MEASURE_IDS["refund_amount"]})
"""Measures that sum amounts (micro-units of the base currency) instead of counting events."""

DERIVED: Final = frozenset({EVENTS, SESSIONS, ORDER_DAYS})
"""Measures that the fold derives by itself; the map does not name them."""

SINGULARS: Final = {
    "event": EVENTS,
    "session": SESSIONS,
    "page_view": MEASURE_IDS["page_views"],
    "product_view": MEASURE_IDS["product_views"],
    "cart": MEASURE_IDS["carts"],
    "checkout": MEASURE_IDS["checkouts"],
    "order": ORDERS,
    "refund": REFUNDS,
    "email_delivery": MEASURE_IDS["email_deliveries"],
    "email_open": MEASURE_IDS["email_opens"],
    "email_click": MEASURE_IDS["email_clicks"],
    "unsubscribe": MEASURE_IDS["unsubscribes"],
    "spam_complaint": MEASURE_IDS["spam_complaints"],
    "ticket": MEASURE_IDS["tickets"],
    "feedback": MEASURE_IDS["feedback"],
    "review": MEASURE_IDS["reviews"],
    "share": MEASURE_IDS["shares"],
    "referral": MEASURE_IDS["referrals"],
    "ad_impression": MEASURE_IDS["ad_impressions"],
    "ad_click": MEASURE_IDS["ad_clicks"],
    "cancellation": CANCELLATIONS,
    "trial": MEASURE_IDS["trials"],
    "signup": MEASURE_IDS["signups"],
    "feature_use": MEASURE_IDS["feature_uses"],
    "lead": MEASURE_IDS["leads"],
    "demo": MEASURE_IDS["demos"],
}
"""The S of ``days_since_last_S``, and the id of the measure whose first and last instants it reads."""

TOPICS: Final = ("clickstream", "email", "purchases", "service", "social", "ads")
"""Short names of the source topics."""

TYPES: Final = ("track", "page", "screen", "identify", "alias", "group")
"""The call types of the Segment spec."""

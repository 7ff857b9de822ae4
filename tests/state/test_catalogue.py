import re
from math import inf

import pytest

from state import (
    MEASURES,
    SINGULARS,
    FeaturePlan,
    FoldPlan,
    Profile,
    UnknownFeature,
    catalogue,
    is_context,
    kind_of,
    known_names,
    nearest,
)

PUBLISHED = [
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
]
PUBLISHED_SINGULARS = [
    "event",
    "session",
    "page_view",
    "product_view",
    "cart",
    "checkout",
    "order",
    "refund",
    "email_open",
    "email_click",
    "ticket",
    "review",
    "share",
    "referral",
    "ad_click",
]


def test_every_published_name_is_in_the_catalogue() -> None:
    names = [
        form
        for name in PUBLISHED
        for form in (name, f"{name}_30d", f"{name}_1d", f"{name}_365d", f"{name}_36h")
    ]
    names += ["avg_order_value", "order_gap_mean_days", "order_trend"]
    assert {kind_of(name) for name in names} == {"step"}
    ages = [f"days_since_{which}_{s}" for which in ("first", "last") for s in PUBLISHED_SINGULARS]
    assert {kind_of(name) for name in ages} == {"age"}
    assert FeaturePlan(names + ages).values(Profile(), 0)
    assert [kind_of(n) for n in ("days_in_stage", "cycle", "churn_risk", "next_stage_probability")] == [
        "age",
        "step",
        "score",
        "score",
    ]


@pytest.mark.parametrize(
    "name",
    [
        "orders_0d",
        "orders_030d",
        "orders_30",
        "orders_30m",
        "orders_4000d",
        "orders_99999999999d",
        "days_since_order",
        "days_since_last_orders",
        "",
        "revenue_decayed_30h",
        "orders_decayed_1000d",
        "cycle_30d",
    ],
)
def test_other_names_are_unknown(name: str) -> None:
    assert kind_of(name) is None
    with pytest.raises(UnknownFeature, match="--features"):
        FeaturePlan([name])
    with pytest.raises(UnknownFeature):
        FoldPlan.build([name])


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("order_30d", "orders_30d"),
        ("orders_last_30d", "orders_30d"),
        ("orders_30days", "orders_30d"),
        ("orders_030d", "orders_30d"),
        ("revenu", "revenue"),
        ("days_since_last_purchase", "days_since_last_share"),
        ("zzz", None),
    ],
)
def test_the_nearest_name_is_offered(name: str, meant: str | None) -> None:
    assert nearest(name) == meant or (meant is not None and kind_of(nearest(name) or "") is not None)


def test_what_the_catalogue_describes_is_what_it_knows() -> None:
    described = {re.sub(r"_N([dh])$", r"_7\1", feature.name): feature for feature in catalogue()}
    assert all(kind_of(name) == feature.kind for name, feature in described.items())
    assert all(is_context(name) == feature.context for name, feature in described.items())
    assert set(known_names()) <= set(described)
    assert all(feature.meaning and feature.unit and feature.source for feature in catalogue())
    assert {f"{measure}_7d" for measure in MEASURES} <= set(described)
    assert {f"days_since_first_{singular}" for singular in SINGULARS} <= set(described)


def test_the_number_of_a_cycle_is_described_from_one_on_as_journeys_count_it() -> None:
    (said,) = [feature.meaning for feature in catalogue() if feature.name == "cycle"]
    assert said.startswith("1 from the first stage on")


def test_a_standing_cannot_be_asked_of_a_profile() -> None:
    assert FoldPlan.build(["cycle", "churn_risk"]).hours == {}
    with pytest.raises(UnknownFeature, match="cycle"):
        FeaturePlan(["cycle"])


def test_a_profile_without_events_has_the_documented_defaults() -> None:
    expected = {
        "orders": 0,
        "revenue": 0,
        "orders_30d": 0,
        "orders_decayed_30d": 0,
        "days_since_last_order": inf,
        "days_since_first_event": inf,
        "avg_order_value": 0,
        "last_order_value": 0,
        "order_gap_mean_days": inf,
        "order_gap_std_days": 0,
        "last_gap_days": inf,
        "order_trend": 1,
    }
    assert dict(zip(expected, FeaturePlan(expected).values(Profile(), 10**15), strict=True)) == expected

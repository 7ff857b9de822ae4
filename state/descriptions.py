"""What does each feature mean, for people: the catalogue that ``lifecycle check --features`` prints."""

from typing import Final

import msgspec

from state.catalogue import DECAY_REACH, FeatureKind
from state.measure_ids import AMOUNTS, MEASURES, ORDER_DAYS, SESSIONS, SINGULARS


class Feature(msgspec.Struct, frozen=True):
    """One line of the catalogue, for people: ``lifecycle check --features`` prints them.

    Attributes:
        name: The name to write in a lifecycle file; N stands for any whole number.
        kind: step, age or score, as `FeatureKind` explains.
        unit: Unit of the value.
        source: Which events or settings it comes from.
        meaning: What the value says, at which instant it changes, and what it is before anything happened.
        context: Whether it is about the customer's standing in a lifecycle instead of the profile.
    """

    name: str
    kind: FeatureKind
    unit: str
    source: str
    meaning: str
    context: bool = False


_SOURCES: Final = {
    "events": "every event that is not marked context.active = false",
    "sessions": "page, screen and browsing events at most 30 minutes apart",
    "revenue": "the gross amount of order events",
    "refund_amount": "the amount of refund events",
    "order_days": "UTC days with at least one order",
}
_LEAVES: Final = (
    "An event counts from its own instant and leaves exactly at (end of its UTC bucket) + N, with hourly "
    "buckets up to 14 days and daily ones beyond: never early, less than a bucket late, and on time on a "
    "boundary. 0 if none."
)


def catalogue() -> tuple[Feature, ...]:
    """Every feature with kind, unit, source and meaning, in the order in which a reader wants them.

    Examples:
        >>> [feature.unit for feature in catalogue() if feature.name == "days_since_last_order"]
        ['days']
    """
    return (*_measure_lines(), *_age_lines(), *_order_lines(), *_context_lines())


def _measure_lines() -> list[Feature]:
    lines = []
    for measure, name in enumerate(MEASURES):
        unit = "base currency" if measure in AMOUNTS else "days" if measure == ORDER_DAYS else "count"
        source = _SOURCES.get(name, f"events that config/measures.toml counts as {name}")
        whole = "Sum" if measure in AMOUNTS else "Number"
        extra = " A session is counted at its start." if measure == SESSIONS else ""
        lines += [
            Feature(name, "step", unit, source, f"{whole} over the customer's whole life.{extra}"),
            Feature(f"{name}_Nd", "step", unit, source, f"{whole} over the last N days. {_LEAVES}{extra}"),
            Feature(f"{name}_Nh", "step", unit, source, f"{whole} over the last N hours. {_LEAVES}{extra}"),
            Feature(
                f"{name}_decayed_Nd",
                "step",
                unit,
                source,
                f"{whole} in which what happened weighs half after N days: 2^(-d/N), d the whole days since "
                f"the end of its UTC day; changes at 00:00 UTC only; forgotten after {DECAY_REACH} N days.",
            ),
        ]
    return lines


def _age_lines() -> list[Feature]:
    lines = []
    for singular, measure in SINGULARS.items():
        source = _SOURCES.get(
            MEASURES[measure], f"events that config/measures.toml counts as {MEASURES[measure]}"
        )
        end = " A session lasts until its latest event." if measure == SESSIONS else ""
        lines += [
            Feature(
                f"days_since_{which}_{singular}",
                "age",
                "days",
                source,
                f"Time since the {which} {singular.replace('_', ' ')}, fractional, exact to the microsecond; "
                f"infinite if there was none.{end}",
            )
            for which in ("last", "first")
        ]
    return lines


def _order_lines() -> list[Feature]:
    orders = "order events"
    return [
        Feature("avg_order_value", "step", "base currency", orders, "revenue / orders; 0 without orders."),
        Feature(
            "last_order_value",
            "step",
            "base currency",
            orders,
            "Amount of the latest order; 0 without orders.",
        ),
        Feature(
            "order_gap_mean_days",
            "step",
            "days",
            orders,
            "(last order - first order) / (orders - 1); infinite below two orders.",
        ),
        Feature(
            "order_gap_std_days",
            "step",
            "days",
            orders,
            "Standard deviation of the gaps between the latest 16 orders; 0 below three orders.",
        ),
        Feature(
            "last_gap_days",
            "step",
            "days",
            orders,
            "Time between the two latest orders; infinite below two orders.",
        ),
        Feature(
            "order_trend",
            "step",
            "ratio",
            orders,
            "orders in the last 90 days / orders in the 90 days before: above 1 rising; 1 when both are 0, "
            "infinite when only the earlier is. Changes where orders_90d and orders_180d change.",
        ),
        Feature(
            "order_trend_Nd",
            "step",
            "ratio",
            orders,
            "The same over a window of N days: its later half against its earlier half.",
        ),
    ]


def _context_lines() -> list[Feature]:
    return [
        Feature(
            "days_in_stage",
            "age",
            "days",
            "lifecycle",
            "Time since the current stage was entered.",
            context=True,
        ),
        Feature(
            "cycle",
            "step",
            "count",
            "lifecycle",
            "1 from the first stage on, and one more for each return from a lost stage: cycle >= 2 is who came back.",
            context=True,
        ),
        Feature(
            "churn_risk",
            "score",
            "probability",
            "churn model",
            "Of doing nothing within the horizon.",
            context=True,
        ),
        Feature(
            "next_stage_probability",
            "score",
            "probability",
            "next-stage model",
            "Of the likeliest next stage within the horizon.",
            context=True,
        ),
    ]

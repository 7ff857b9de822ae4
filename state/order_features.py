"""What do the orders say about the rhythm and the worth of a customer: values read from the kept orders."""

from collections.abc import Callable
from itertools import pairwise
from math import inf, sqrt
from typing import Final

from state.amounts import MICRO
from state.instants import DAY
from state.measure_ids import ORDERS, REVENUE
from state.profile import Profile


def avg_order_value(profile: Profile, _at: int) -> float:
    """Revenue / orders in units of the base currency; 0 without orders."""
    orders = profile.counts[ORDERS]
    return profile.counts[REVENUE] / orders / MICRO if orders else 0.0


def gap_mean(profile: Profile, _at: int) -> float:
    """Mean days between orders, of all orders ever; infinite below two."""
    orders = profile.counts[ORDERS]
    return (profile.last[ORDERS] - profile.first[ORDERS]) / (orders - 1) / DAY if orders > 1 else inf


def gap_deviation(profile: Profile, _at: int) -> float:
    """Standard deviation of the days between the kept orders; 0 below three."""
    instants = profile.orders[::2]
    if len(instants) < 3:
        return 0.0
    gaps = [later - earlier for earlier, later in pairwise(instants)]
    mean = sum(gaps) / len(gaps)
    return sqrt(sum((gap - mean) ** 2 for gap in gaps) / len(gaps)) / DAY


def last_gap(profile: Profile, _at: int) -> float:
    """Days between the two latest orders; infinite below two."""
    return (profile.orders[-2] - profile.orders[-4]) / DAY if len(profile.orders) > 2 else inf


def last_order_value(profile: Profile, _at: int) -> float:
    """Amount of the latest order in units of the base currency; 0 without orders."""
    return profile.orders[-1] / MICRO if profile.orders else 0.0


ORDER_READERS: Final[dict[str, Callable[[Profile, int], float]]] = {
    "average": avg_order_value,
    "gap_mean": gap_mean,
    "gap_deviation": gap_deviation,
    "last_gap": last_gap,
    "last_value": last_order_value,
}
"""Reader by the form of the feature (see `state.catalogue.Spec`)."""

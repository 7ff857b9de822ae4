"""Which feature names exist, and what does each mean: the published catalogue, without any values.

Lifecycle files and models refer to features by name only, so a name here is a promise: `resolve` turns one
into what the fold must keep and what the reader must compute, and everything else is refused with the nearest
name.
"""

import re
from difflib import get_close_matches
from functools import lru_cache
from typing import Final, Literal

import msgspec

from state.instants import DAY, HOUR
from state.measure_ids import MEASURE_IDS, MEASURES, ORDERS, REVENUE, SINGULARS

FeatureKind = Literal["step", "age", "score"]
"""How a value moves while nothing happens.

A *step* stays until an event or a window's `expiry`; an *age* grows by the
microsecond from an origin; a *score* comes from a model."""

LONGEST: Final = 3660 * DAY
"""Longest window that a name may ask for: ten years."""

DECAY_REACH: Final = 8
"""Half-lives after which a decayed event is forgotten: it then weighs less than 1/256."""

TREND_SPAN: Final = 180 * DAY
"""Window of plain ``order_trend``."""

_WINDOW: Final = re.compile(r"([a-z_]+?)(_decayed)?_([1-9]\d{0,5})([dh])")
_ANY_WINDOW: Final = re.compile(r"([a-z_]+?)(_decayed)?_([1-9]\d*)([dh])")
_AGE: Final = re.compile(r"days_since_(first|last)_([a-z_]+)")


class Spec(msgspec.Struct, frozen=True):
    """What a feature name asks for.

    Attributes:
        form: lifetime, window, decayed, first, last, trend, average, gap_mean, gap_deviation, last_gap,
            last_value or context (known to the rules, computed outside the profile).
        kind: How the value moves while nothing happens.
        measure: Id of the measure that is read, or -1.
        span: Length of the window or the half-life in µs, or 0.
    """

    form: str
    kind: FeatureKind
    measure: int = -1
    span: int = 0


_SINGLE: Final = {
    "avg_order_value": Spec("average", "step", REVENUE),
    "order_gap_mean_days": Spec("gap_mean", "step", ORDERS),
    "order_gap_std_days": Spec("gap_deviation", "step", ORDERS),
    "last_gap_days": Spec("last_gap", "step", ORDERS),
    "last_order_value": Spec("last_value", "step", REVENUE),
    "order_trend": Spec("trend", "step", ORDERS, TREND_SPAN),
    "days_in_stage": Spec("context", "age"),
    "cycle": Spec("context", "step"),
    "churn_risk": Spec("context", "score"),
    "next_stage_probability": Spec("context", "score"),
}


@lru_cache(maxsize=4096)
def resolve(name: str) -> Spec | None:
    """What *name* asks for, or None if the catalogue does not hold it.

    Examples:
        >>> resolve("orders_180d").form, resolve("days_since_last_order").kind, resolve("ordres")
        ('window', 'age', None)
    """
    if name in _SINGLE:
        return _SINGLE[name]
    if name in MEASURE_IDS:
        return Spec("lifetime", "step", MEASURE_IDS[name])
    if age := _AGE.fullmatch(name):
        which, singular = age.groups()
        return Spec(which, "age", SINGULARS[singular]) if singular in SINGULARS else None
    return _resolve_window(name)


def _resolve_window(name: str) -> Spec | None:
    window = _WINDOW.fullmatch(name)
    if window is None:
        return None
    base, decayed, number, unit = window.groups()
    span = int(number) * (DAY if unit == "d" else HOUR)
    if base == "order_trend" and not decayed and span <= LONGEST:
        return Spec("trend", "step", ORDERS, span)
    if base not in MEASURE_IDS or span * (DECAY_REACH if decayed else 1) > LONGEST:
        return None
    if decayed:
        return Spec("decayed", "step", MEASURE_IDS[base], span) if unit == "d" else None
    return Spec("window", "step", MEASURE_IDS[base], span)


def beyond(name: str) -> str | None:
    """In which way *name* asks for more than a window can reach, or None if it does not.

    Examples:
        >>> beyond("orders_3661d"), beyond("orders_decayed_458d"), beyond("orders_30d"), beyond("mood_9999d")
        ('3660 days are the longest window', '457 days are the longest half-life', None, None)
    """
    window = _ANY_WINDOW.fullmatch(name)
    if window is None:
        return None
    base, decayed, number, unit = window.groups()
    reach = DECAY_REACH if decayed else 1
    span = int(number) * (DAY if unit == "d" else HOUR)
    if span * reach <= LONGEST or resolve(f"{base}{decayed or ''}_1{unit}") is None:
        return None
    return f"{LONGEST // reach // DAY} days are the longest {'half-life' if decayed else 'window'}"


def kind_of(name: str) -> FeatureKind | None:
    """How the feature *name* moves while nothing happens, or None for a name outside the catalogue.

    Examples:
        >>> kind_of("orders_30d"), kind_of("days_since_last_order"), kind_of("churn_risk"), kind_of("mood")
        ('step', 'age', 'score', None)
    """
    spec = resolve(name)
    return None if spec is None else spec.kind


def is_context(name: str) -> bool:
    """Whether *name* is about the standing in a lifecycle (such as ``cycle``), not about the profile.

    Examples:
        >>> is_context("cycle"), is_context("orders")
        (True, False)
    """
    spec = resolve(name)
    return spec is not None and spec.form == "context"


def known_names() -> tuple[str, ...]:
    """Every name without a number in it, sorted; windows (``orders_30d``) come on top, for any number.

    Examples:
        >>> "avg_order_value" in known_names(), "days_since_first_session" in known_names()
        (True, True)
    """
    ages = (f"days_since_{which}_{singular}" for which in ("first", "last") for singular in SINGULARS)
    return tuple(sorted((*MEASURES, *_SINGLE, *ages)))


def nearest(name: str) -> str | None:
    """The name of the catalogue that *name* was most likely meant to be, or None if nothing is near.

    Examples:
        >>> nearest("ordrs_30d"), nearest("days_since_last_ordr"), nearest("xyzzy")
        ('orders_30d', 'days_since_last_order', None)
    """
    window = re.fullmatch(r"(.+?)_0*([1-9]\d*)([dhDH])(?:ays?|ours?)?", name)
    if window is not None:
        base = window.group(1).removesuffix("_last")
        near = get_close_matches(base, [*MEASURES, "order_trend"], n=1)
        candidate = f"{near[0]}_{window.group(2)}{window.group(3).lower()}" if near else ""
        if resolve(candidate) is not None:
            return candidate
    near = get_close_matches(name, known_names(), n=1)
    return near[0] if near else None

"""Why this churn risk? The parts of a score, exact where the model is linear, in words for those who act on it.

The risk mixes the closed form with regressions, in log odds, where it can be taken apart: what is said of the average
customer, one part for each input, and the closed form, which tells of recency and rhythm. Inputs that tell of the same
thing are added up, for an order of 80 days ago enters as an age, as a ratio to the usual gap, and through the closed form:
one at a time their parts would mislead. The sum over all reasons and the average customer are exactly the log odds of the
risk.
"""

from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from typing import Final

import msgspec

from scorers.closed_form import probability
from scorers.evaluation import clipped
from scorers.linear import CLIP
from scorers.predictor import Predictor
from scorers.transforms import INPUTS, inputs, rhythm

__all__ = ["Explanation", "Reason", "explain", "heaviest_inputs", "topic_of"]

LEAST: Final = 0.05
"""Log odds below which a reason is not worth telling."""


class Reason(msgspec.Struct, frozen=True):
    """One thing about a customer that moved the churn risk.

    Attributes:
        topic: What it is about: ``recency``, ``frequency``, ``spend``, ``tenure``, ``visits``, ``e-mail``,
            ``service``, ``social``, ``ads``, ``returns`` or ``other``.
        log_odds: How far it moved the learned log odds from those of the average customer; above zero raises
            the risk.
        text: For people: ``last order 82 days ago, usually every 21 days: raises the risk``.
    """

    topic: str
    log_odds: float
    text: str


class Explanation(msgspec.Struct, frozen=True):
    """Where a churn risk comes from.

    Attributes:
        churn_risk: The risk.
        prior_risk: What the closed form over the order history alone says, which needs no labels.
        share: How much of the closed form's log odds has been replaced by what was learned, 0 to 1.
        average: Log odds of the average customer; plus all reasons and the rest they are those of this one.
        reasons: The strongest first.
        rest: Log odds of the reasons that are not told, added up.
        value: Expected spend within the horizon of value, in the base currency.
        value_year: Expected spend within a year.
        labels: How many labels the models have seen.
    """

    churn_risk: float
    prior_risk: float
    share: float
    average: float
    reasons: tuple[Reason, ...]
    rest: float
    value: float
    value_year: float
    labels: int


def explain(predictor: Predictor, features: Sequence[float], most: int | None = None) -> Explanation | None:
    """Take a churn risk apart.

    Args:
        predictor: What made it.
        features: Values of the predictor's `features`.
        most: Reasons to tell, the strongest; by default every one.

    Returns:
        None for somebody who was never active: there is nothing to lose.
    """
    task = predictor.task
    sure = predictor.closed_form(features)
    if sure is None:
        return None
    named = dict(zip(predictor.features, features, strict=True))
    if task.churn != "orders":
        named.pop("days_since_last_order", None)  # it is not orders that are waited for
    trust, usual = predictor.churn_trust, predictor.usual
    parts = {"recency": trust * (sure - usual)}
    average = predictor.churn_constant + trust * usual
    if predictor.labels:
        values = inputs(features, rhythm(features, task.churn), task.churn_days, sure).tolist()
        for topic, part in _parts(predictor, values).items():
            parts[topic] = parts.get(topic, 0.0) + part
    told = sorted(parts.items(), key=lambda part: (-abs(part[1]), part[0]))
    reasons = [Reason(topic, part, _sentence(topic, part, named)) for topic, part in told]
    told_of = len(reasons) if most is None else min(most, sum(abs(part) >= LEAST for _, part in told))
    return Explanation(
        churn_risk=predictor.churn(features),
        prior_risk=clipped(probability(sure)),
        share=1.0 - trust,
        average=average,
        reasons=tuple(reasons[:told_of]),
        rest=sum(reason.log_odds for reason in reasons[told_of:]),
        value=predictor.value(features),
        value_year=predictor.value_ahead(features),
        labels=predictor.labels,
    )


def heaviest_inputs(predictor: Predictor, most: int = 16) -> list[tuple[str, float]]:
    """The inputs that matter most to the learned churn model.

    Returns:
        Input name and log odds per standard deviation, the heaviest first; nothing before the first label.
    """
    weighed = zip(INPUTS, predictor.weights[0], strict=True)
    heaviest = sorted(weighed, key=lambda pair: (-abs(pair[1]), pair[0]))
    return [(name, weight) for name, weight in heaviest[:most] if weight]


def topic_of(name: str) -> str:
    """What an input tells of.

    Examples:
        >>> topic_of("log_email_opens_30d"), topic_of("log_recency_over_gap"), topic_of("log_orders_90d")
        ('e-mail', 'recency', 'frequency')
    """
    return next((topic for words, topic in _TOPICS if any(word in name for word in words)), "other")


def _parts(predictor: Predictor, values: Sequence[float]) -> dict[str, float]:
    parts: dict[str, float] = {}
    rows = zip(INPUTS, values, predictor.centre, predictor.spread, predictor.weights[0], strict=True)
    for name, value, centre, spread, weight in rows:
        scaled = min(max((value - centre) * spread, -CLIP), CLIP)
        topic = topic_of(name)
        parts[topic] = parts.get(topic, 0.0) + weight * scaled
    return parts


def _sentence(topic: str, part: float, named: Mapping[str, float]) -> str:
    return f"{_WORDS[topic](named)}: {'raises' if part > 0.0 else 'lowers'} the risk"


def _recency(named: Mapping[str, float]) -> str:
    ago, gap = named.get("days_since_last_order", float("inf")), named.get("order_gap_mean_days", 0.0)
    if not isfinite(ago):
        seen = named.get("days_since_last_event", float("inf"))
        return f"last seen {_days(seen)} ago" if isfinite(seen) else "no order so far"
    usual = f", usually every {_days(gap)}" if 0.0 < gap < float("inf") else ", the only one"
    return f"last order {_days(ago)} ago{usual}"


def _frequency(named: Mapping[str, float]) -> str:
    recent = _some(named, "orders_90d", "order")
    return f"{recent or 'no orders'} in 90 days, {_count(named.get('orders', 0.0), 'order')} in all"


def _spend(named: Mapping[str, float]) -> str:
    return f"average order {named.get('avg_order_value', 0.0):,.2f}"


def _tenure(named: Mapping[str, float]) -> str:
    ages = (
        named.get("days_since_first_order", float("inf")),
        named.get("days_since_first_event", float("inf")),
    )
    known = [age for age in ages if isfinite(age)]
    return f"known for {_days(max(known))}" if known else "not known for any time"


def _visits(named: Mapping[str, float]) -> str:
    told = _list(named, {"sessions_30d": "visit", "product_views_30d": "product view", "carts_30d": "cart"})
    return f"{told or 'no visits'} in 30 days"


def _email(named: Mapping[str, float]) -> str:
    if named.get("unsubscribes", 0.0):
        return "has unsubscribed from e-mails"
    opened = _some(named, "email_opens_30d", "e-mail") or "no e-mails"
    return f"{opened} opened, {named.get('email_clicks_30d', 0.0):,.0f} clicked in 30 days"


def _service(named: Mapping[str, float]) -> str:
    return f"{_some(named, 'tickets_90d', 'service request') or 'no service requests'} in 90 days"


def _social(named: Mapping[str, float]) -> str:
    return _list(named, {"reviews_90d": "review", "shares_90d": "share"}) or "nothing shared in 90 days"


def _ads(named: Mapping[str, float]) -> str:
    return "advertisements " + (_list(named, {"ad_clicks_30d": "click"}) or "not clicked")


def _returns(named: Mapping[str, float]) -> str:
    return _some(named, "refunds_90d", "return") or "no returns"


def _other(_: Mapping[str, float]) -> str:
    return "other signals"


def _list(named: Mapping[str, float], words: Mapping[str, str]) -> str:
    return ", ".join(told for name, word in words.items() if (told := _some(named, name, word)))


def _some(named: Mapping[str, float], name: str, word: str) -> str:
    value = named.get(name, 0.0)
    return _count(value, word) if value else ""


def _count(value: float, word: str) -> str:
    return f"{value:,.0f} {word}{'' if value == 1 else 's'}"


def _days(days: float) -> str:
    return _count(round(days), "day")


# The first that fits counts: what is about e-mails is not about the orders that follow them.
_TOPICS: Final = (
    (("email", "unsubscribe", "spam"), "e-mail"),
    (("ticket", "feedback", "complaint"), "service"),
    (("review", "share", "referral"), "social"),
    (("log_ad_",), "ads"),
    (("refund", "return"), "returns"),
    (("since_first", "in_stage"), "tenure"),
    (("last_order_value", "avg_order", "revenue", "spend"), "spend"),
    (("last_order", "recency", "closed_form", "last_gap", "last_event"), "recency"),
    (("order", "gap", "trend"), "frequency"),
    (("session", "view", "cart", "checkout", "event"), "visits"),
)
_WORDS: Final[Mapping[str, Callable[[Mapping[str, float]], str]]] = {
    "recency": _recency,
    "frequency": _frequency,
    "spend": _spend,
    "tenure": _tenure,
    "visits": _visits,
    "e-mail": _email,
    "service": _service,
    "social": _social,
    "ads": _ads,
    "returns": _returns,
    "other": _other,
}

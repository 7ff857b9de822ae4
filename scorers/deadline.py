"""Where does silence lead, and when? The rules of a lifecycle say it; how likely the silence is, the closed form.

"Customer for 455 days after the last order" is a deadline that everybody of a young shop keeps, so no answer can teach what
comes after it until the first ones have passed it. The file says it from the first day on.
"""

from collections.abc import Callable, Collection, Sequence
from math import log, nan
from typing import Final, NamedTuple, Protocol

from scorers.closed_form import FLOOR, Habit, Silence, prior_habit, probability, silence
from scorers.crossing import DAY, Vector
from scorers.transforms import rhythm

HALVINGS: Final = 6  # the deadline is known to a sixty-fourth of the span: half a day of a month
MOST_RATIO: Final = 4.0  # how many times as fast as the fit the churn risk may make things happen
UNKNOWN: Final = 0.5


class Standing(Protocol):
    """Where a customer stands, and the scores that rules read."""

    stage: int
    since: int
    cycle: int
    risk: float
    next_p: float


class Rules(Protocol):
    """A compiled lifecycle, as `scorers.lifecycle.Lifecycle` is one."""

    def decide(self, at: int, v: Vector, standing: "Standing", risk: float = nan, next_p: float = nan) -> int:
        """The stage at an instant."""


class Deadline(NamedTuple):
    """What happens to a customer if nothing happens.

    Attributes:
        days: Until the rules move the customer, rounded up to a sixty-fourth of the horizon.
        stage: Index of the stage they move to.
        by_orders: Whether an order is what is waited for; any other event does not help.
    """

    days: float
    stage: int
    by_orders: bool


def deadline_of(
    rules: Rules,
    standing: Standing,
    at: int,
    until: int,
    read: Callable[[int], Vector],
    orders: Collection[int],
) -> Deadline | None:
    """Find the first move that time alone brings.

    Looks at the end of the span, and halves it if the stage is another one there: two moves within a sixty-fourth of it are
    one, and a stage that mere silence leaves and enters again within the span is not left.

    Args:
        rules: The lifecycle.
        standing: Where the customer stands.
        at: Now (µs of event time).
        until: End of the span (µs), after *at*.
        read: Gives the vector of the rules at a later instant, without a further event.
        orders: Positions in the vector that an order changes.

    Returns:
        `None` if silence changes nothing until then. Costs one reading of the vector for most customers, about 3 µs.
    """

    def decided(t: int, v: Vector) -> int:
        return rules.decide(t, v, standing, standing.risk, standing.next_p)

    stage = standing.stage
    if stage < 0:
        return None
    vector = read(until)
    following = decided(until, vector)
    if following == stage:
        return None
    low, high = at, until
    for _ in range(HALVINGS):
        middle = (low + high) // 2
        seen = read(middle)
        found = decided(middle, seen)
        if found == stage:
            low = middle
        else:
            high, vector, following = middle, seen, found
    kept = _as_of(read(at), vector, high - at, orders)
    return Deadline((high - at) / DAY, following, decided(high, kept) == stage)


def _as_of(now: Vector, later: Vector, micros: int, places: Collection[int]) -> list[float]:
    """*later*, but with the values of *now* at some places: an age is given by its origin, so that moves along."""
    vector = list(later)
    for place in places:
        is_origin = now[place] == later[place]
        vector[place] = now[place] + micros if is_origin else now[place]
    return vector


def chance_of_silence(
    deadline: Deadline,
    features: Sequence[float],
    basis: str,
    horizon: float,
    habit: Habit | None,
    fitted: Silence,
    risk: float | None,
) -> float:
    """Give the probability that a deadline is reached.

    The closed form says it for any number of days. Where churn means the same silence, what the models know beside the
    closed form about the horizon of churn makes the hazard until the deadline as much larger or smaller.

    Args:
        deadline: What silence leads to.
        features: Values of `scorers.transforms.FEATURES`.
        basis: What churn watches: ``orders``, ``events`` or ``cancellations``.
        horizon: Of churn, in days.
        habit: Fitted parameters of the closed form, `None` before there are any.
        fitted: What it says of the horizon of churn.
        risk: The churn risk as published, if there is one.
    """
    waited_for = "orders" if deadline.by_orders else "events"
    known = rhythm(features, waited_for)
    if known is None:
        return UNKNOWN
    is_churn = waited_for == basis
    parameters = habit if is_churn and habit is not None else prior_habit(horizon)
    silent = probability(silence(*known, deadline.days, parameters).silent)
    if is_churn and risk is not None:
        ratio = _log(risk) / _log(probability(fitted.silent))
        silent **= min(max(ratio, 1.0 / MOST_RATIO), MOST_RATIO)
    return silent


def _log(chance: float) -> float:
    return log(min(max(chance, FLOOR), 1.0 - FLOOR))

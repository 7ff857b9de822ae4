"""How likely is silence, and how many orders come, when only the order history is known?

The MBG/NBD model [1]_ says that a customer orders at an own constant rate while alive and may leave after
each order. Its posterior is a closed formula of three numbers: repeats, the age at the last order, the age
now. With *fixed* priors it needs no fitting, costs about a microsecond, and is an honest answer before the
first label has arrived.

References:
    .. [1] Batislam, Denizel, Filiztekin. "Empirical validation and comparison of models for customer base
       analysis". International Journal of Research in Marketing, 2007.
"""

from math import exp, expm1, log
from typing import NamedTuple

R = 0.5  # shape of the prior over ordering rates
A = 0.5  # prior weight of leaving after an order
B = 2.5  # prior weight of staying after an order
MOST_ORDERS = 1e9
NEVER = 1e9  # days from which on an age means that there was nothing
FLOOR = 1e-4  # no probability is nearer to 0 or 1 than this


class Habit(NamedTuple):
    """Parameters of MBG/NBD: how a population orders and leaves.

    Attributes:
        r: Shape of the gamma distribution of ordering rates.
        alpha: Its scale, in days.
        a: Weight of leaving after an order, of the beta distribution of leaving.
        b: Its weight of staying.
        pace: How many times as fast as all this says things happen (`scorers.pace`).
    """

    r: float
    alpha: float
    a: float
    b: float
    pace: float = 1.0


def prior_habit(horizon: float) -> Habit:
    """Give the habit assumed before anything is known: a rate such that the horizon matters.

    Examples:
        >>> prior_habit(90.0)
        Habit(r=0.5, alpha=30.0, a=0.5, b=2.5, pace=1.0)
    """
    return Habit(R, horizon / 3.0, A, B)


class Silence(NamedTuple):
    """The closed form's view of one customer; all four numbers are model inputs.

    Attributes:
        waited: Log of how much the wait since the last order speaks against being alive.
        ahead: Log of the probability that somebody alive orders nothing within the horizon.
        alive: Log odds of being alive.
        silent: Log odds of ordering nothing within the horizon.
    """

    waited: float
    ahead: float
    alive: float
    silent: float


NOTHING_KNOWN = Silence(0.0, 0.0, 0.0, 0.0)


def silence(orders: float, age: float, recency: float, horizon: float, habit: Habit | None = None) -> Silence:
    """Tell the log odds that nothing happens within the horizon.

    Args:
        orders: Orders so far (any kind of recurring act); below one nothing is known.
        age: Days since the first of them; infinite when there is none.
        recency: Days since the last of them.
        horizon: Days ahead, above zero.
        habit: Parameters; by default the fixed `prior_habit` of the horizon.

    Returns:
        Finite numbers; all zero when nothing is known.

    Examples:
        A regular who was here yesterday, and one who has been silent for a year:

        >>> round(probability(silence(12, 360, 1, 90).silent), 3)
        0.125
        >>> round(probability(silence(12, 720, 360, 90).silent), 3)
        0.989
    """
    if not (orders >= 1.0 and 0.0 <= age < NEVER):
        return NOTHING_KNOWN
    repeats = (orders if orders < MOST_ORDERS else MOST_ORDERS) - 1.0  # noqa: FURB136 - half the time of min()
    last_age = age - recency if 0.0 <= recency <= age else 0.0
    r, alpha, a, b, pace = habit or (R, horizon / 3.0, A, B, 1.0)
    shape = r + repeats
    start = alpha + age
    waited = shape * log(start / (alpha + last_age))
    ahead = shape * log(start / (start + horizon))
    alive = log((b + repeats) / a) - waited
    active = -expm1(ahead) * probability(alive)
    if pace != 1.0:
        active = 1.0 - (1.0 - active) ** pace  # hazards multiply
    active = FLOOR if active < FLOOR else (active if active < 1.0 - FLOOR else 1.0 - FLOOR)  # noqa: FURB136
    return Silence(waited, ahead, alive, log((1.0 - active) / active))


def expected_orders(
    orders: float, age: float, known: Silence, horizon: float, ahead: float, habit: Habit | None = None
) -> float:
    """Tell how many orders to expect.

    The rate is averaged over its posterior; the chance of leaving after an order is taken at its posterior
    mean, which keeps the answer closed (the exact one is a hypergeometric function and differs by a few per
    cent).

    Args:
        orders: Orders so far.
        age: Days since the first order; infinite when there is none.
        known: What `silence` said about these orders.
        horizon: The horizon that `silence` was asked about; it sets the prior over rates.
        ahead: Days ahead to count orders in, above zero.
        habit: Parameters that `silence` was given.

    Returns:
        A finite number of orders, zero without a first order.

    Examples:
        >>> round(expected_orders(12, 360, silence(12, 360, 1, 90), 90, 90), 1)
        2.4
        >>> expected_orders(0, float("inf"), NOTHING_KNOWN, 90, 90)
        0.0
    """
    if known is NOTHING_KNOWN:
        return 0.0
    orders = min(orders, MOST_ORDERS)
    r, alpha, a, b, _ = habit or (R, horizon / 3.0, A, B, 1.0)
    leaves = a / (a + b + orders)
    start = alpha + age
    coming = -expm1((r + orders - 1.0) * log(start / (start + leaves * ahead)))
    return probability(known.alive) * coming / leaves


def probability(log_odds: float) -> float:
    """Turn log odds into a probability without overflow.

    Examples:
        >>> probability(0.0), probability(-1e9), probability(1e9)
        (0.5, 0.0, 1.0)
    """
    if log_odds < -30.0:
        return 0.0
    if log_odds > 30.0:
        return 1.0
    return 1.0 / (1.0 + exp(-log_odds))

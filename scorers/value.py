"""How much will a customer spend within the horizon?

What is served is the typical spend: the number with the least absolute error. Most customers spend nothing and few spend
much, so the mean of what could come is more than most will ever spend. The mean is the beginning: expected orders times
the expected amount, mixed with a regression of log spend. A factor that depends on the chance to buy at all, learned from
absolute errors, then takes it to the typical spend, without losing who is worth more than whom.
"""

from collections.abc import Sequence
from math import expm1, log1p, sqrt
from typing import Final

from scorers.closed_form import Habit, Silence, expected_orders, silence
from scorers.linear import LinearRegression, Vector
from scorers.mixture import GRID, Mixture, blend
from scorers.transforms import INPUTS, MOST, ORDER_DAYS, ORDER_VALUE, ORDERS, Rhythm

LEARNING_RATE = 0.05
TEMPER: Final = 50.0
BELIEF: Final = (0.25, 0.4, 0.2, 0.1, 0.05)
"""Trust in shares of the regression before any answer: it ranks customers better, but only a little of it is needed."""
LOG_MOST = log1p(MOST)
YEAR = 365.0
SHRINKAGE = 1.5  # days with orders that the population's mean amount is worth
KNOTS: Final = 11
FACTORS: Final = (0.03, 2.0)
FACTOR_RATE = 0.05
LOSS_CAP = 20.0  # one enormous order does not decide which model is trusted


def day_amount(features: Sequence[float], usual: float) -> float:
    """Give the expected amount of a day with orders: the customer's mean, drawn towards the population's.

    Args:
        features: Values of `scorers.transforms.FEATURES`.
        usual: The population's mean, zero while it is unknown.
    """
    days, orders, mean = features[ORDER_DAYS], features[ORDERS], features[ORDER_VALUE]
    if not (0.0 < mean < MOST and 1.0 <= days < MOST and orders < MOST):
        return 0.0
    own = mean * orders / days
    return (own * days + usual * SHRINKAGE) / (days + SHRINKAGE) if usual else own


def expected_spend(
    amount: float, known: Rhythm | None, said: Silence, habit: Habit | None, horizon: float, ahead: float
) -> float:
    """Give the expected spend without a regression: expected days with orders times the expected amount.

    Args:
        amount: What `day_amount` says.
        known: The history of orders, `None` without any.
        said: What the closed form says of it under *habit*.
        habit: Parameters; by default the fixed ones.
        horizon: Days that *said* looks ahead.
        ahead: Days ahead to expect spend in.

    Returns:
        A finite amount in the base currency.
    """
    if known is None or not amount:
        return 0.0
    return min(amount * expected_orders(known.acts, known.age, said, horizon, ahead, habit), MOST)


def judged(known: Rhythm | None, habit: Habit | None, horizon: float) -> Silence:
    """Ask the closed form about a history of orders."""
    return silence(0.0, 0.0, 0.0, horizon) if known is None else silence(*known, horizon, habit)


class ValueModel:
    """A regression of log spend beside the closed form, mixed by absolute error, and the factors to the typical spend.

    Attributes:
        regression: Of log spend, over the standardised inputs.
        mixture: Judges closed form and regression.
        factors: By chance to buy, at eleven knots from 0 to 1.
        usual: The population's mean amount of a day with orders.
    """

    def __init__(self) -> None:
        self.regression = LinearRegression(len(INPUTS), LEARNING_RATE)
        self.mixture = Mixture(TEMPER, BELIEF)
        self.factors = [1.0] * KNOTS
        self.usual = 0.0
        self._steps = [0.0] * KNOTS
        self._amounts = 0.0
        self._spent = 0.0

    def typical(self, z: Vector, expected: float, buys: float) -> float:
        """Predict the spend, in the base currency.

        Args:
            z: Standardised inputs.
            expected: What `expected_spend` says.
            buys: Chance of any order, 1 less the churn risk.
        """
        mixed = amount(blend(log1p(expected), self.regression.log_odds(z), self.mixture.weight))
        return mixed * factor(self.factors, buys)

    def learn(self, z: Vector, expected: float, buys: float, spent: float) -> None:
        """Judge by the label, then learn it.

        Args:
            z: Standardised inputs of the instant of the question.
            expected: What `expected_spend` says of it.
            buys: Chance of any order.
            spent: Amount spent within the horizon, zero or more.
        """
        prior, learned = log1p(expected), self.regression.log_odds(z)
        unit = (self._spent + 1.0) / (self.mixture.examples + 1.0)
        scale = factor(self.factors, buys)
        said = [amount(blend(prior, learned, weight)) * scale for weight in GRID]
        self.mixture.update([min(abs(each - spent) / unit, LOSS_CAP) for each in said])
        mixed = amount(blend(prior, learned, self.mixture.weight))
        self._temper(mixed / unit, spent / unit, buys)
        self._spent += spent
        self.regression.learn(z, log1p(spent), learned)

    def observe(self, day_amount: float) -> None:
        """Take the mean amount of somebody's days with orders into the population's."""
        if 0.0 < day_amount < MOST:
            self._amounts += 1.0
            self.usual += (day_amount - self.usual) / self._amounts

    def _temper(self, mixed: float, spent: float, buys: float) -> None:
        """Take one step of the two factors around *buys* down the absolute error."""
        low, high = FACTORS
        place = buys * (KNOTS - 1)
        left = min(int(place), KNOTS - 2)
        push = min(mixed, LOSS_CAP) * (1.0 if mixed * factor(self.factors, buys) > spent else -1.0)
        for knot, share in ((left, left + 1 - place), (left + 1, place - left)):
            slope = push * share
            self._steps[knot] += slope * slope
            moved = self.factors[knot] - FACTOR_RATE * slope / sqrt(self._steps[knot] + 1e-8)
            self.factors[knot] = min(max(moved, low), high)


def factor(factors: Sequence[float], buys: float) -> float:
    """Read the factor for a chance to buy between its two knots.

    Examples:
        >>> round(factor([0.0] * 10 + [1.0], 0.95), 9)
        0.5
    """
    place = buys * (KNOTS - 1)
    left = min(int(place), KNOTS - 2)
    return factors[left] + (factors[left + 1] - factors[left]) * (place - left)


def amount(log_amount: float) -> float:
    """Come back from the log scale without overflow.

    Examples:
        >>> amount(-1.0), amount(1e9) > 1e11
        (0.0, True)
    """
    return expm1(min(max(log_amount, 0.0), LOG_MOST))

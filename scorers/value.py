"""How much will a customer spend within the horizon?

Two questions are kept apart. *Who is worth more than whom* follows the expected spend: expected orders times the expected
amount, drawn towards what was spent lately, times a correction over all inputs that is learned from answers. *What number
to name* is the typical spend, the one with the least absolute error. Most customers spend nothing and few spend much, so
the mean of what could come is more than most will ever spend. A rising curve, learned from absolute errors, takes the
expected spend to the typical one; because it rises, it changes no ranking.
"""

from collections.abc import Iterable, Sequence
from math import exp, log, sqrt
from typing import Final

from scorers.closed_form import Habit, Silence, expected_orders, silence
from scorers.linear import AdaGrad, Vector
from scorers.mixture import GRID, Mixture
from scorers.transforms import INPUTS, MOST, ORDER_DAYS, ORDER_VALUE, ORDERS, REVENUE_LATELY, Rhythm

LEARNING_RATE: Final = 0.003
FIRST_SQUARES: Final = 1.0  # the expected spend is a good beginning: no answer takes it far away
MOST_CORRECTION: Final = 3.0  # in logs: twenty times as much, or as little
YEAR: Final = 365.0
SHRINKAGE: Final = 1.5  # days with orders that the population's mean amount is worth
LATELY: Final = 1.0 / 3.0  # share of recent spend in the expected spend, in logs
LATELY_DAYS: Final = 90.0 / log(
    2.0
)  # days of steady spend that an amount decayed with a half-life of 90 days holds
LATELY_BOUNDS: Final = (0.01, 100.0)
KNOTS: Final = 17
EDGE: Final = 4.0  # the outermost knots of the curve lie that far, in logs, from the mean spend
FACTORS: Final = (0.03, 2.0)
FACTOR_RATE: Final = 0.03
MOST_UNITS: Final = 50.0  # mean spends: an enormous order teaches no more than this
LOSS_CAP: Final = 20.0  # nor does it decide which model is trusted


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
    features: Sequence[float],
    usual: float,
    known: Rhythm | None,
    said: Silence,
    habit: Habit | None,
    horizon: float,
    ahead: float,
) -> float:
    """Give the expected spend before anything is learned from answers.

    Expected days with orders times the expected amount, and as far as `LATELY` says a spend that goes on as lately: whoever
    spends more and more, or less and less, does so against the closed form, which believes in constant rates.

    Args:
        features: Values of `scorers.transforms.FEATURES`.
        usual: The population's mean amount of a day with orders, zero while it is unknown.
        known: The history of orders, `None` without any.
        said: What the closed form says of it under *habit*.
        habit: Parameters; by default the fixed ones.
        horizon: Days that *said* looks ahead.
        ahead: Days ahead to expect spend in.

    Returns:
        A finite amount in the base currency, zero for whom nothing can be expected yet.
    """
    each = 0.0 if known is None else day_amount(features, usual)
    if known is None or not each:
        return 0.0
    expected = each * expected_orders(known.acts, known.age, said, horizon, ahead, habit)
    if not 0.0 < expected < MOST:
        return min(expected, MOST) if expected > 0.0 else 0.0
    low, high = LATELY_BOUNDS
    ratio = features[REVENUE_LATELY] * ahead / (LATELY_DAYS * expected)
    return float(expected * (min(ratio, high) if ratio > low else low) ** LATELY)


def judged(known: Rhythm | None, habit: Habit | None, horizon: float) -> Silence:
    """Ask the closed form about a history of orders."""
    return silence(0.0, 0.0, 0.0, horizon) if known is None else silence(*known, horizon, habit)


class ValueModel:
    """A correction of the expected spend, trusted by its merits, and the curve to the typical spend.

    The correction multiplies, and learns the mean by Tweedie's deviance of power 1.5: that of a sum of a random number of
    random amounts, mostly zero [1]_.

    Attributes:
        correction: Weights of the standardised inputs, in logs.
        mixture: Judges shares of the correction.
        factors: From the expected to the typical spend, at knots of the log of the expected spend.
        usual: The population's mean amount of a day with orders.
        newcomer: Mean spend of those for whom nothing could be expected.

    References:
        .. [1] Jorgensen. "Exponential Dispersion Models". Journal of the Royal Statistical Society B, 1987.
    """

    def __init__(self) -> None:
        self.correction = AdaGrad(len(INPUTS), LEARNING_RATE, FIRST_SQUARES)
        self.mixture = Mixture()
        self.factors = [1.0] * KNOTS
        self.usual = 0.0
        self.newcomer = 0.0
        self._steps = [1e-8] * KNOTS
        self._amounts = 0.0
        self._newcomers = 0.0
        self._spent = 0.0

    @property
    def unit(self) -> float:
        """Mean spend of all answers so far, by which amounts are measured; at first that of a day with orders."""
        return (self._spent + (self.usual or 1.0)) / (self.mixture.examples + 1.0)

    def curve(self) -> list[float]:
        """Give the factors so that a greater expected spend never has a smaller one."""
        return rising(zip(self.factors, self._steps, strict=True))

    def typical(self, z: Vector, expected: float) -> float:
        """Predict the spend, in the base currency.

        Args:
            z: Standardised inputs.
            expected: What `expected_spend` says.
        """
        spend = (expected or self.newcomer) * exp(self.mixture.weight * self._correct(z))
        return spend * factor(self.curve(), spend, self.unit)

    def learn(self, z: Vector, expected: float, spent: float) -> None:
        """Judge by the label, then learn it.

        Args:
            z: Standardised inputs of the instant of the question.
            expected: What `expected_spend` says of it.
            spent: Amount spent within the horizon, zero or more.
        """
        prior = expected or self.newcomer
        unit, correction = self.unit, self._correct(z)
        shown = min(spent / unit, MOST_UNITS)
        spend = prior * exp(self.mixture.weight * correction)
        self.mixture.update([_loss(prior / unit * exp(share * correction), shown) for share in GRID])
        if prior > 0.0:
            root = sqrt(min(prior / unit * exp(correction), MOST_UNITS))
            self.correction.step((root - shown / max(root, 1e-3)) * z)
            self._temper(spend / unit, spent / unit)
        self._spent += spent
        if not expected:
            self._newcomers += 1.0
            self.newcomer += (spent - self.newcomer) / self._newcomers

    def observe(self, day_amount: float) -> None:
        """Take the mean amount of somebody's days with orders into the population's."""
        if 0.0 < day_amount < MOST:
            self._amounts += 1.0
            self.usual += (day_amount - self.usual) / self._amounts

    def _correct(self, z: Vector) -> float:
        return bounded(float(self.correction.weights @ z))

    def _temper(self, spend: float, spent: float) -> None:
        """Take one step of the two factors around *spend* down the absolute error, all in units of the mean spend."""
        low, high = FACTORS
        left, part = _place(spend)
        said = spend * (self.factors[left] * (1.0 - part) + self.factors[left + 1] * part)
        push = min(spend, MOST_UNITS) * (1.0 if said > spent else -1.0)
        for knot, share in ((left, 1.0 - part), (left + 1, part)):
            slope = push * share
            self._steps[knot] += slope * slope
            moved = self.factors[knot] - FACTOR_RATE * slope / sqrt(self._steps[knot])
            self.factors[knot] = min(max(moved, low), high)


def factor(factors: Sequence[float], spend: float, unit: float) -> float:
    """Read the factor for an expected spend between its two knots.

    Args:
        factors: At the knots.
        spend: Expected spend.
        unit: Mean spend of everybody, which lies at the knot in the middle.

    Examples:
        >>> factor([0.0] * 9 + [1.0] * 8, 1e9, 1.0), factor([0.0] * 8 + [0.25] + [1.0] * 8, 40.0, 40.0)
        (1.0, 0.25)
    """
    left, part = _place(spend / unit)
    return factors[left] + (factors[left + 1] - factors[left]) * part


def bounded(correction: float) -> float:
    """Give a correction, in logs, that is not beyond `MOST_CORRECTION`."""
    return min(max(correction, -MOST_CORRECTION), MOST_CORRECTION)


def rising(told: Iterable[tuple[float, float]]) -> list[float]:
    """Find the numbers nearest to those *told* that never fall, each pair being a number and its weight.

    Examples:
        >>> rising([(0.1, 1.0), (0.9, 1.0), (0.3, 2.0), (0.8, 1.0)])
        [0.1, 0.5, 0.5, 0.8]
    """
    pools: list[tuple[float, float, int]] = []
    for number, weight in told:
        pool = (number, weight, 1)
        while pools and pools[-1][0] > pool[0]:
            mean, heavy, count = pools.pop()
            both = heavy + pool[1]
            pool = ((mean * heavy + pool[0] * pool[1]) / both, both, count + pool[2])
        pools.append(pool)
    return [mean for mean, _, count in pools for _ in range(count)]


def _place(spend: float) -> tuple[int, float]:
    """Left knot of a spend in units of the mean, and how far it is on the way to the right one."""
    away = (log(spend) + EDGE) * ((KNOTS - 1) / (2.0 * EDGE)) if spend > 0.0 else 0.0
    if away <= 0.0:
        return 0, 0.0
    left = int(away)
    return (left, away - left) if left < KNOTS - 1 else (KNOTS - 2, 1.0)


def _loss(spend: float, spent: float) -> float:
    """Tweedie's deviance of power 1.5, in units of the mean spend."""
    root = sqrt(max(spend, 1e-6))
    return min(2.0 * (root + spent / root) - 4.0 * sqrt(spent), LOSS_CAP)

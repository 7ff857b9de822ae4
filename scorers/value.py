"""How much will a customer spend within the horizon?"""

from collections.abc import Sequence
from math import expm1, log, log1p

from river import linear_model, optim

from scorers.closed_form import Silence, expected_orders, silence
from scorers.mixture import GRID, Mixture, blend
from scorers.transforms import FIRST_ORDER, LAST_ORDER, MOST, ORDER_VALUE, ORDERS

LEARNING_RATE = 0.05
LOG_MOST = log1p(MOST)
CORRECTION = (0.1, 10.0)
LOSS_CAP = 20.0  # one enormous order does not decide which model is trusted


def value_prior(features: Sequence[float], known: Silence, basis: str, horizon: float, ahead: float) -> float:
    """Give the expected spend before any label: expected orders times the mean order.

    Args:
        features: Values of `scorers.transforms.FEATURES`.
        known: What the closed form says about the watched activity.
        basis: What activity that is; asked again about orders when it was about something else.
        horizon: Days ahead that *known* looks.
        ahead: Days ahead to expect spend in.

    Returns:
        A finite amount in the base currency, zero for somebody who never ordered.
    """
    mean = features[ORDER_VALUE]
    if not 0.0 < mean < MOST:
        return 0.0
    orders, age = features[ORDERS], features[FIRST_ORDER]
    bought = known if basis == "orders" else silence(orders, age, features[LAST_ORDER], horizon)
    return mean * expected_orders(orders, age, bought, horizon, ahead)


class ValueModel:
    """A River regression of log spend beside the prior, mixed by how well each has answered.

    The mean of a logarithm is not the logarithm of the mean: back from the log scale the answer is corrected
    by the ratio of what was spent to what was said (Duan's smearing in its simplest form).
    """

    def __init__(self) -> None:
        self.regression = linear_model.LinearRegression(optimizer=optim.AdaGrad(LEARNING_RATE))
        self.mixture = Mixture()
        self.spent = 0.0
        self.said = 0.0

    @property
    def correction(self) -> float:
        """Ratio of spent to said, within bounds.

        Examples:
            >>> ValueModel().correction
            1.0
        """
        low, high = CORRECTION
        return min(max((self.spent + 1.0) / (self.said + 1.0), low), high)

    def expected(self, scaled: dict[str, float], prior: float) -> float:
        """Predict the spend, in the base currency."""
        return blend(prior, self._raw(scaled) * self.correction, self.mixture.weight)

    def learn(self, scaled: dict[str, float], prior: float, spent: float) -> None:
        """Judge both models by the label, then learn it.

        Args:
            scaled: Standardised, clipped inputs of the instant of the question.
            prior: What the prior said for them.
            spent: Amount spent within the horizon, zero or more.
        """
        raw = self._raw(scaled)
        learned = raw * self.correction
        unit = (self.spent + 1.0) / (self.mixture.examples + 1.0)
        self.mixture.update([_deviance(blend(prior, learned, weight), spent, unit) for weight in GRID])
        self.spent += spent
        self.said += raw
        self.regression.learn_one(scaled, log1p(spent))

    def _raw(self, scaled: dict[str, float]) -> float:
        return amount(float(self.regression.predict_one(scaled)))


def amount(log_amount: float) -> float:
    """Come back from the log scale without overflow.

    Examples:
        >>> amount(-1.0), amount(1e9) > 1e11
        (0.0, True)
    """
    return expm1(min(max(log_amount, 0.0), LOG_MOST))


def _deviance(expected: float, spent: float, unit: float) -> float:
    """Poisson deviance in units of the mean spend: smallest in expectation at the expected amount."""
    mean = max(expected / unit, 1e-3)
    seen = spent / unit
    part = seen * log(seen / mean) if seen > 0.0 else 0.0
    return min(2.0 * (part - seen + mean), LOSS_CAP)

"""Who was a customer before the data began? Whoever is first seen early may well have been, and then comes back the sooner.

A history that begins with the data is no history of a new customer: the first order that we know is then one of many, the
more of them the sooner it came, and nobody tells how many are of that kind. The curve of first orders does: those of new
customers come evenly, those of old ones thin out as everybody is met. So each customer is old or new with a chance that
follows from when, and how often, they have ordered since, under a model fitted without any label:

* new: MBG/NBD from the first order on, as in `scorers.closed_form`, which says what follows for them;
* old: orders at an own constant rate (NBD), which gave one order by the time of the first that we know.

Old customers are taken to stay, so this is for the first horizon only: afterwards labels say what is true. If a business
begins together with its data nobody is old, the curve says so, and the closed form stands as it is.
"""

from math import exp, lgamma, log, log1p
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import betaln, gammaln

Rows = NDArray[np.float64]
BELIEF: Final = np.array([2.0, 2.0, 2.0, 2.0, 0.25])
"""How many histories the prior outweighs, by parameter: nothing is known before of how many are old."""
LEAST_SPAN: Final = 1e-3
_BOUNDS: Final = [(-8.0, 9.0)] * 5
_STEP: Final = 1e-5


class Beginning(NamedTuple):
    """Parameters of a population in its first days, in days.

    Attributes:
        r: Shape of the gamma distribution of ordering rates.
        alpha: Its scale.
        a: Weight of leaving after an order, for new customers.
        b: Weight of staying.
        old: Old customers a day's new ones.
        span: Since the first order that is known, at the time of the fit.
    """

    r: float
    alpha: float
    a: float
    b: float
    old: float
    span: float


def silent_at_beginning(
    repeats: float, last: float, age: float, horizon: float, known: Beginning, new: float
) -> float:
    """Give the chance that somebody orders nothing within the horizon.

    Args:
        repeats: Orders after the first that is known.
        last: Age at the last of them (days).
        age: Days since the first.
        horizon: Days ahead.
        known: The population.
        new: The chance for a new customer with such a history.
    """
    r, alpha, a, b, old, span = known
    met = alpha + max(span - age, 0.0)
    shape, seen = r + repeats, met + age
    as_old = log(old * r) + r * log(alpha) + lgamma(shape + 1.0) - lgamma(r + 1.0) - (shape + 1.0) * log(seen)
    stayed = lgamma(b + repeats + 1.0) - lgamma(a + b + repeats + 1.0) - shape * log(alpha + age)
    left = log(a) + lgamma(b + repeats) - lgamma(a + b + repeats + 1.0) - shape * log(alpha + last)
    as_new = lgamma(shape) - lgamma(r) + r * log(alpha) + lgamma(a + b) - lgamma(b)
    as_new += max(stayed, left) + log1p(exp(-abs(stayed - left)))
    away = as_new - as_old
    is_old = 1.0 / (1.0 + exp(away)) if away < 700.0 else 0.0
    silent: float = is_old * (seen / (seen + horizon)) ** (shape + 1.0) + (1.0 - is_old) * new
    return silent


def fit_beginning(rows: Rows, first: Rows, span: Rows, prior: Rows) -> Rows:
    """Find the most likely parameters.

    Args:
        rows: Repeats, age at the last one, age: a history a row.
        first: Of each history, days from the first order that is known of anybody to its own first.
        span: Of each history, days from that to when it was taken.
        prior: Logs of parameters to start from, and to stay near while there are few histories.

    Returns:
        Logs of r, alpha, a, b and old.
    """
    taken = rows, np.maximum(first, 0.0), np.maximum(span, LEAST_SPAN)
    weights = BELIEF / len(rows)

    def cost(logs: Rows) -> float:
        away = logs - prior
        return float((weights * away) @ away) / 2.0 - float(_log_likelihood(logs, *taken).mean())

    def sloped(logs: Rows) -> tuple[float, Rows]:
        slope = np.empty(len(logs))
        for k in range(len(logs)):
            ahead, behind = logs.copy(), logs.copy()
            ahead[k] += _STEP
            behind[k] -= _STEP
            slope[k] = (cost(ahead) - cost(behind)) / (2.0 * _STEP)
        return cost(logs), slope

    found: Rows = minimize(sloped, prior, jac=True, method="L-BFGS-B", bounds=_BOUNDS).x
    return found


def _log_likelihood(logs: Rows, rows: Rows, first: Rows, span: Rows) -> Rows:
    """Of each history and of when it began, given that it had by then."""
    r, alpha, a, b, old = np.exp(logs)
    x, last, age = rows.T
    met = alpha + first
    ordering = gammaln(r + x) - gammaln(r) + r * logs[1]
    stayed = betaln(a, b + x + 1.0) - (r + x) * np.log(alpha + age)
    left = betaln(a + 1.0, b + x) - (r + x) * np.log(alpha + last)
    new = ordering - betaln(a, b) + np.logaddexp(stayed, left)
    began = logs[4] + logs[0] + r * logs[1] - (r + 1.0) * np.log(met)
    again = gammaln(r + 1.0 + x) - gammaln(r + 1.0) + (r + 1.0) * np.log(met)
    known = began + again - (r + 1.0 + x) * np.log(met + age)
    met_by_then = old * (1.0 - (alpha / (alpha + span)) ** r)
    told: Rows = np.logaddexp(new, known) - np.log(span + met_by_then)
    return told

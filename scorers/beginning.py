"""Who was a customer before the data began? Whoever is first seen early may well have been, and then comes back the sooner.

A history that begins with the data is no history of a new customer: the first order that we know is then one of many, the
more of them the sooner it came, and nobody tells how many are of that kind. The curve of first orders does: those of new
customers come evenly, those of old ones thin out as everybody is met. So each customer is old or new with a chance that
follows from when, and how often, they have ordered since, under a model fitted without any label:

* new: MBG/NBD from the first order on, as in `scorers.closed_form`, which says what follows for them;
* old: orders at an own constant rate (NBD), which gave one order by the time of the first that we know.

Whether there are old customers at all is weighed too: a business may begin together with its data. Even odds at first,
then as much likelier as all histories are with old customers than without any; as far as nobody is old the closed form
stands as it is. Old customers are taken to stay, so this is for the first horizon only: afterwards labels say what is true.
"""

from math import exp, lgamma, log, log1p
from typing import Final, NamedTuple

import numpy as np
from scipy.optimize import minimize
from scipy.special import digamma, gammaln

from scorers.closed_form import probability
from scorers.likelihood import Rows, log_likelihood

BELIEF: Final = np.array([2.0, 2.0, 2.0, 2.0, 0.25])
"""How many histories the prior outweighs, by parameter: nothing is known before of how many are old."""
LEAST_SPAN: Final = 1e-3
NOBODY: Final = -8.0  # log of so few old customers that they are none
_BOUNDS: Final = [(NOBODY, 9.0)] * 5


class Beginning(NamedTuple):
    """Parameters of a population in its first days, in days.

    Attributes:
        r: Shape of the gamma distribution of ordering rates.
        alpha: Its scale.
        a: Weight of leaving after an order, for new customers.
        b: Weight of staying.
        old: Old customers a day's new ones.
        span: Since the first order that is known, at the time of the fit.
        sure: How sure it is that there are old customers at all.
    """

    r: float
    alpha: float
    a: float
    b: float
    old: float
    span: float
    sure: float = 1.0


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
    r, alpha, a, b, old, span, sure = known
    met = alpha + max(span - age, 0.0)
    shape, seen = r + repeats, met + age
    as_old = log(old * r) + r * log(alpha) + lgamma(shape + 1.0) - lgamma(r + 1.0) - (shape + 1.0) * log(seen)
    stayed = lgamma(b + repeats + 1.0) - lgamma(a + b + repeats + 1.0) - shape * log(alpha + age)
    left = log(a) + lgamma(b + repeats) - lgamma(a + b + repeats + 1.0) - shape * log(alpha + last)
    as_new = lgamma(shape) - lgamma(r) + r * log(alpha) + lgamma(a + b) - lgamma(b)
    as_new += max(stayed, left) + log1p(exp(-abs(stayed - left)))
    away = as_new - as_old
    is_old = sure / (1.0 + exp(away)) if away < 700.0 else 0.0
    silent: float = is_old * (seen / (seen + horizon)) ** (shape + 1.0) + (1.0 - is_old) * new
    return silent


def fit_beginning(rows: Rows, first: Rows, span: Rows, prior: Rows) -> tuple[Rows, float]:
    """Find the most likely parameters, and how sure it is that anybody is old.

    Args:
        rows: Repeats, age at the last one, age: a history a row, nobody twice.
        first: Of each history, days from the first order that is known of anybody to its own first.
        span: Of each history, days from that to when it was taken.
        prior: Logs of parameters to start from, and to stay near while there are few histories.

    Returns:
        Logs of r, alpha, a, b and old; and the chance that there are old customers.
    """
    taken = rows, np.maximum(first, 0.0), np.maximum(span, LEAST_SPAN)
    found, likely = _likeliest(taken, prior, _BOUNDS)
    nobody = np.array([*prior[:-1], NOBODY])
    _, otherwise = _likeliest(taken, nobody, [*_BOUNDS[:-1], (NOBODY, NOBODY)])
    return found, probability(likely - otherwise)


def _likeliest(
    taken: tuple[Rows, Rows, Rows], prior: Rows, bounds: list[tuple[float, float]]
) -> tuple[Rows, float]:
    """Give the parameters, and their log-likelihood with that of the prior."""
    count = len(taken[0])
    weights = BELIEF / count

    def cost(logs: Rows) -> tuple[float, Rows]:
        told, slopes = _log_likelihood(logs, *taken)
        away = weights * (logs - prior)
        return float(away @ (logs - prior)) / 2.0 - float(told.mean()), away - slopes.mean(axis=1)

    found = minimize(cost, prior, jac=True, method="L-BFGS-B", bounds=bounds)
    return found.x, -count * float(found.fun)


def _log_likelihood(logs: Rows, rows: Rows, first: Rows, span: Rows) -> tuple[Rows, Rows]:
    """Of each history and of when it began, given that it had by then; and the slopes, a row a parameter."""
    r, alpha, _, _, old = np.exp(logs)
    x, age = rows[:, 0], rows[:, 2]
    new, new_slopes = log_likelihood(logs[:4], rows)
    shape, seen = r + 1.0 + x, alpha + first + age
    known = logs[4] + logs[0] + r * logs[1] + gammaln(shape) - gammaln(r + 1.0) - shape * np.log(seen)
    met = (alpha / (alpha + span)) ** r
    total = span + old * (1.0 - met)
    either = np.logaddexp(new, known)
    is_old = np.exp(known - either)
    slopes = np.zeros((len(logs), len(x)))
    slopes[:4] = (1.0 - is_old) * new_slopes
    slopes[0] += is_old * (1.0 + r * (logs[1] + digamma(shape) - digamma(r + 1.0) - np.log(seen)))
    slopes[0] += old * met * r * np.log(alpha / (alpha + span)) / total
    slopes[1] += is_old * (r - alpha * shape / seen) + old * met * r * (span / (alpha + span)) / total
    slopes[4] = is_old - old * (1.0 - met) / total
    return either - np.log(total), slopes

"""How likely is a history of orders under MBG/NBD, and with which parameters would it be likelier?

A customer orders at an own constant rate while there, and may leave after each order, the first included (Batislam, Denizel,
Filiztekin 2007). The slopes are exact, for fits are repeated all the time and differences cost ten times as much.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln, digamma, gammaln

Rows = NDArray[np.float64]


def log_likelihood(logs: Rows, rows: Rows) -> tuple[Rows, Rows]:
    """Give the log-likelihood of each history, and its slopes.

    Args:
        logs: Logs of r, alpha, a, b, see `scorers.closed_form.Habit`.
        rows: Repeats, age at the last one, age (days): a history a row.

    Returns:
        One number a history, and four slopes of each, a row a parameter.
    """
    r, alpha, a, b = np.exp(logs)
    x, last, age = rows.T
    ordering = gammaln(r + x) - gammaln(r) + r * logs[1] - betaln(a, b)
    stayed = betaln(a, b + x + 1.0) - (r + x) * np.log(alpha + age)
    left = betaln(a + 1.0, b + x) - (r + x) * np.log(alpha + last)
    either = np.logaddexp(stayed, left)
    stays = np.exp(stayed - either)
    leaves = 1.0 - stays
    waited = stays * np.log(alpha + age) + leaves * np.log(alpha + last)
    per_day = stays / (alpha + age) + leaves / (alpha + last)
    chances = digamma(a + b) - digamma(a + b + x + 1.0)
    slopes = np.stack(
        [
            r * (digamma(r + x) - digamma(r) + logs[1] - waited),
            r - alpha * (r + x) * per_day,
            a * (chances + leaves / a),
            b * (chances + digamma(b + x) - digamma(b) + stays / (b + x)),
        ]
    )
    return ordering + either, slopes

"""Linear models that learn one example at a time, on dense vectors.

The update rules are River's own (`river.linear_model` with `river.optim.AdaGrad`, the standardisation of
`river.preprocessing.StandardScaler`), written over NumPy vectors instead of dictionaries: some forty inputs then cost a
few microseconds instead of a few hundred. A test compares every weight with River's to 1e-9. The intercept learns by
AdaGrad too, as River does for an input that is always one.
"""

from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]

EPSILON = 1e-8  # River's: keeps the first step finite
CLIP = 3.0  # standard deviations
EXACT = (
    1000  # examples until which the deviations are brought up to date with each; one hardly moves them then
)
STRIDE = 16
LEAST_INFORMATION = 0.01  # of one answer, however sure the prediction
FADE = 1e-7  # of the covariance, an example: with a variance of 0.005 some 100,000 examples are remembered
FADING = 128  # examples between two such steps


class Scaler:
    """Running mean and variance of each input, and inputs standardised by them and clipped.

    Args:
        size: Number of inputs.

    Attributes:
        count: Examples seen.
        mean: Running means.
        squares: Running sums of squared deviations.
    """

    def __init__(self, size: int) -> None:
        self.count = 0
        self.mean: Vector = np.zeros(size)
        self.squares: Vector = np.zeros(size)
        self._spread: Vector | None = None

    def learn(self, x: Vector) -> None:
        """Take one more vector into account."""
        self.count += 1
        away = x - self.mean
        self.mean += away / self.count
        away *= x - self.mean
        self.squares += away
        if self.count < EXACT or self.count % STRIDE == 0:
            self._spread = None

    @property
    def spread(self) -> Vector:
        """One over the standard deviation of each input, 0 for one that has been constant."""
        if self._spread is None:
            deviation = np.sqrt(self.squares / max(self.count, 1))
            self._spread = np.divide(1.0, deviation, out=np.zeros_like(deviation), where=deviation > 0.0)
        return self._spread

    def scale(self, x: Vector) -> Vector:
        """Standardise and clip to three deviations: no customer throws a linear model off."""
        return self.clip(x - self.mean)

    def clip(self, away: Vector) -> Vector:
        """Divide distances by the deviations and clip them to three."""
        z: Vector = away * self.spread
        np.minimum(z, CLIP, out=z)
        np.maximum(z, -CLIP, out=z)
        return z


class AdaGrad:
    """Steps that shrink with the squared gradients seen so far, each weight by its own.

    Args:
        shape: Of the weights.
        rate: First step; may differ by weight.
        squares: What the sums of squared gradients begin with: more make the first steps small.

    Attributes:
        weights: Learned.
        squares: Sums of squared gradients.
    """

    def __init__(self, shape: int | tuple[int, ...], rate: Any, squares: Any = EPSILON) -> None:
        self.rate = rate
        self.weights: Any = np.zeros(shape)
        self.squares: Any = np.full(shape, squares)

    def step(self, gradient: Any) -> None:
        """Go one step against *gradient*."""
        self.squares += gradient * gradient
        step = np.sqrt(self.squares)
        np.divide(gradient, step, out=step)
        step *= self.rate
        self.weights -= step

    def hasten(self, row: int, share: float) -> None:
        """Forget all but a *share* of the squared gradients of one row: what has changed is learned faster again."""
        self.squares[row] *= share


class Newton:
    """Logistic regression whose steps know which inputs tell the same: Bayesian, by one Laplace step an example [1]_.

    A first-order step moves inputs that rise and fall together alike and never finds what their difference tells. This one
    keeps the covariance of the weights, beginning at an own small variance each, which is what holds them back; it fades to
    that beginning slowly, so that the newest answers always count.

    Args:
        size: Number of inputs.
        variance: Of each weight before any example.

    Attributes:
        weights: Means of the weights.
        covariance: Theirs, never larger than at the beginning.

    References:
        .. [1] Spiegelhalter, Lauritzen. "Sequential updating of conditional probabilities on directed graphical structures".
           Networks, 1990.
    """

    def __init__(self, size: int, variance: float) -> None:
        self.variance = variance
        self.weights: Vector = np.zeros(size)
        self.covariance: Any = np.eye(size) * variance
        self._examples = 0

    def step(self, z: Vector, chance: float, label: int) -> None:
        """Learn one answer.

        Args:
            z: Standardised inputs.
            chance: Probability that was given to the label 1.
            label: 1 or 0.
        """
        information = max(chance * (1.0 - chance), LEAST_INFORMATION)
        turned = self.covariance @ z
        shrunk = 1.0 / (1.0 + information * max(float(turned @ z), 0.0))
        self.weights += turned * (shrunk * (label - chance))
        turned *= sqrt(information * shrunk)
        self.covariance -= np.multiply.outer(turned, turned)
        self._examples += 1
        if self._examples % FADING == 0:
            self.covariance *= 1.0 - FADING * FADE
            self.covariance[np.diag_indices_from(self.covariance)] += FADING * FADE * self.variance


class SoftmaxRegression:
    """A distribution over classes whose logits are linear in the inputs, with an intercept for each group and class.

    Args:
        groups: Groups with their own intercepts.
        classes: Number of classes.
        size: Number of inputs.
        rate: First step of every weight.

    Attributes:
        inner: Weights, a row a class.
        outer: Intercepts, a row a group.
    """

    def __init__(self, groups: int, classes: int, size: int, rate: float = 0.05) -> None:
        self.inner = AdaGrad((classes, size), rate)
        self.outer = [AdaGrad(classes, rate) for _ in range(groups)]

    def logits(self, z: Vector, group: int) -> Vector:
        """Predict, up to a constant."""
        scores: Vector = self.inner.weights @ z + self.outer[group].weights
        return scores

    def learn(self, z: Vector, group: int, label: int, chances: Vector | None = None) -> None:
        """Learn one answer; *chances* are the `softmax` of what `logits` gives, if that is known already."""
        off = softmax(self.logits(z, group)) if chances is None else chances
        off[label] -= 1.0
        self.inner.step(off[:, np.newaxis] * z)
        self.outer[group].step(off)


def softmax(logits: Vector) -> Vector:
    """Turn logits into a distribution without overflow.

    Examples:
        >>> softmax(np.array([1000.0, 1000.0])).tolist()
        [0.5, 0.5]
    """
    odds: Vector = np.exp(logits - logits.max())
    odds /= odds.sum()
    return odds

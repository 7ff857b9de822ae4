"""How likely is it that an active customer does nothing of the kind within the horizon?"""

from math import log
from typing import Final

from river import drift, linear_model, optim

from scorers.closed_form import NOTHING_KNOWN, Silence, probability
from scorers.evaluation import clipped, log_loss
from scorers.mixture import GRID, Mixture, blend

LEARNING_RATE = 0.05
CANCELLATION_PRIOR: Final = log(0.1 / 0.9)
"""Log odds of a cancellation within the horizon, before any label: silence does not tell of contracts."""


def prior_risk(known: Silence, basis: str) -> float | None:
    """Give the probability of churn before any label; `None` for somebody never active, who cannot be lost.

    Args:
        known: What the closed form says about the watched activity within the horizon.
        basis: ``orders``, ``events`` or ``cancellations``: what a churned customer no longer does, or does.

    Examples:
        >>> prior_risk(NOTHING_KNOWN, "orders") is None
        True
    """
    if known is NOTHING_KNOWN:
        return None
    return probability(CANCELLATION_PRIOR if basis == "cancellations" else known.silent)


class ChurnModel:
    """A River logistic regression beside the prior, mixed by how well each has answered.

    Attributes:
        regression: The learned challenger; its log odds are linear in the standardised inputs.
        mixture: Judges prior and challenger by answers.
        drift: ADWIN over the loss of what was really published.
        drifts: How often it has raised an alarm.
    """

    def __init__(self) -> None:
        self.regression = linear_model.LogisticRegression(optimizer=optim.AdaGrad(LEARNING_RATE))
        self.mixture = Mixture()
        self.drift = drift.ADWIN()
        self.drifts = 0

    def probability(self, scaled: dict[str, float], prior: float) -> float:
        """Predict the probability of churn."""
        learned = float(self.regression.predict_proba_one(scaled)[True])
        return clipped(blend(prior, learned, self.mixture.weight))

    def learn(self, scaled: dict[str, float], prior: float, label: int, published: float | None) -> None:
        """Judge both models by the label, then learn it.

        Args:
            scaled: Standardised, clipped inputs of the instant of the question.
            prior: What the prior said for them.
            label: 1 for churned, else 0.
            published: What was really predicted then; watched for drift.
        """
        learned = float(self.regression.predict_proba_one(scaled)[True])
        self.mixture.update([log_loss(blend(prior, learned, weight), label) for weight in GRID])
        self.drift.update(log_loss(prior if published is None else published, label))
        self.drifts += bool(self.drift.drift_detected)
        self.regression.learn_one(scaled, bool(label))

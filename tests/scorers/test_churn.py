import random

import numpy as np
from river import drift

from scorers.churn import READ, ChurnModel
from scorers.closed_form import probability
from scorers.evaluation import log_loss
from scorers.transforms import INPUTS

PLACE = INPUTS.index("log_orders_90d")


def stream(model: ChurnModel, count: int, weight: float, seed: int) -> list[float]:
    """Losses of what the model would have published, while it learns a law of one input."""
    rng, losses = random.Random(seed), []
    for _ in range(count):
        z = np.zeros(len(INPUTS))
        z[PLACE] = rng.gauss(0, 1)
        label = int(rng.random() < probability(weight * z[PLACE]))
        published = model.probability(z, 0.0)
        losses.append(log_loss(published, label))
        model.learn(z, 0.0, label, published)
    return losses


class Deaf(drift.ADWIN):
    """Never alarms."""

    def update(self, _loss: float) -> None:
        """Hear nothing."""


def mean(losses: list[float]) -> float:
    return sum(losses) / len(losses)


def test_after_a_known_change_it_alarms_and_learns_the_new_law() -> None:
    model, deaf = ChurnModel(), ChurnModel()
    deaf.drift = Deaf()
    before = stream(model, 4000, weight=3.0, seed=1)
    stream(deaf, 4000, weight=3.0, seed=1)
    assert model.drifts == 0
    after, unmoved = stream(model, 4000, weight=-3.0, seed=2), stream(deaf, 4000, weight=-3.0, seed=2)
    assert model.drifts >= 1
    assert mean(after[:300]) > 1.5 * mean(before[-1000:])
    assert mean(after[-1000:]) < 0.6
    assert mean(after[-2000:]) < 0.95 * mean(unmoved[-2000:])


def test_one_class_only_stays_a_number_away_from_certainty() -> None:
    model = ChurnModel()
    z = np.ones(len(INPUTS))
    for _ in range(5000):
        model.learn(z, 2.0, 1, None)
    assert 0.9 < model.probability(z, 2.0) < 1.0


def test_how_long_somebody_is_known_is_not_read() -> None:
    assert READ[INPUTS.index("log_days_since_first_order")] == 0.0
    assert READ[INPUTS.index("log_days_since_last_order")] == 1.0


def test_contracts_begin_at_one_in_ten_and_follow_the_answers() -> None:
    model = ChurnModel()
    assert abs(probability(model.base) - 0.1) < 1e-9
    for number in range(1000):
        model.learn(np.zeros(len(INPUTS)), model.base, int(number % 50 == 0), None)
    assert 0.015 < probability(model.base) < 0.03

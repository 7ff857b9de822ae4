import random

import numpy as np
from river import drift

from scorers.churn import ChurnModel
from scorers.closed_form import probability
from scorers.evaluation import log_loss
from scorers.transforms import INPUTS

PLACE = INPUTS.index("log_orders_90d")


def stream(model: ChurnModel, count: int, weight: float, seed: int) -> list[float]:
    """Losses of what the model would have published, while it learns a law of one input."""
    rng, losses = random.Random(seed), []
    for number in range(count):
        z = np.zeros(len(INPUTS))
        z[PLACE] = rng.gauss(0, 1)
        label = int(rng.random() < probability(weight * z[PLACE]))
        published = model.probability(z, 0.0, 0.0)
        losses.append(log_loss(published, label))
        model.learn(z, 0.0, 0.0, label, published, number // 500)
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
    for number in range(5000):
        model.learn(z, 2.0, 2.0, 1, None, number // 500)
    assert 0.9 < model.probability(z, 2.0, 2.0) < 1.0


def test_a_season_that_has_passed_teaches_nothing_about_customers() -> None:
    """Everybody churns more in these days, whatever the inputs say: the average customer is predicted as before."""
    model, rng = ChurnModel(), random.Random(3)
    for number in range(3000):
        z = np.zeros(len(INPUTS))
        z[PLACE] = rng.gauss(0, 1)
        season = 0.5 if number // 750 % 2 else -0.5
        model.learn(z, 0.0, 0.0, int(rng.random() < probability(season + z[PLACE])), None, number // 250)
    assert abs(model.probability(np.zeros(len(INPUTS)), 0.0, 0.0) - 0.5) < 0.02
    z[PLACE] = 2.0
    assert model.probability(z, 0.0, 0.0) > 0.65


def test_what_the_closed_form_gets_wrong_of_everybody_is_made_good() -> None:
    model, rng, z = ChurnModel(), random.Random(3), np.zeros(len(INPUTS))
    for number in range(4000):
        model.learn(z, 0.0, 0.0, int(rng.random() < 0.1), None, number // 250)
    assert 0.08 < model.probability(z, 0.0, 0.0) < 0.25


def test_contracts_begin_at_one_in_ten_and_follow_the_answers() -> None:
    model = ChurnModel()
    assert abs(probability(model.base) - 0.1) < 1e-9
    for number in range(1000):
        model.learn(np.zeros(len(INPUTS)), model.base, model.base, int(number % 50 == 0), None, 0.0)
    assert 0.015 < probability(model.base) < 0.03

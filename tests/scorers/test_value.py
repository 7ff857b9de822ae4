import random
from itertools import pairwise

import numpy as np

from scorers.closed_form import silence
from scorers.transforms import INPUTS, Rhythm
from scorers.value import ValueModel, expected_spend
from tests.scorers.buyers import features_of

HORIZON = 90.0


def answers(count: int, seed: int = 1) -> list[tuple[np.ndarray, float, float]]:
    """Inputs, expected spend, and a spend that is mostly nothing and depends on the first input too."""
    rng = random.Random(seed)
    made = []
    for _ in range(count):
        z = np.array([rng.gauss(0.0, 1.0) for _ in INPUTS])
        expected = rng.lognormvariate(2.0, 1.5)
        buys = rng.random() < min(expected / 60.0, 0.9)
        spent = rng.expovariate(1.0 / max(60.0, expected)) * float(np.exp(0.5 * z[0])) if buys else 0.0
        made.append((z, expected, spent))
    return made


def taught(count: int) -> ValueModel:
    model = ValueModel()
    for each in answers(count):
        model.learn(*each)
    return model


def test_it_is_nearer_than_the_mean_and_ranks_as_the_mean_does() -> None:
    model, new = taught(6000), answers(2000, seed=2)
    nothing = np.zeros(len(INPUTS))
    typical = [model.typical(nothing, expected) for _, expected, _ in new]
    off = sum(abs(said - spent) for said, (_, _, spent) in zip(typical, new, strict=True))
    assert off < 0.9 * sum(abs(expected - spent) for _, expected, spent in new)
    ranked = sorted(zip((expected for _, expected, _ in new), typical, strict=True))
    assert all(a < b for (_, a), (_, b) in pairwise(ranked))


def test_it_learns_who_spends_more_than_expected() -> None:
    model = taught(6000)
    z = np.zeros(len(INPUTS))
    z[0] = 1.0
    assert np.abs(model.correction.weights).argmax() == 0
    assert model.typical(z, 80.0) > model.typical(-z, 80.0)


def test_one_enormous_order_changes_little() -> None:
    model, z = taught(2000), np.ones(len(INPUTS))
    before = model.typical(z, 80.0)
    model.learn(z, 80.0, 1e12)
    assert 0.5 < model.curve()[12] / taught(2000).curve()[12] < 2.0
    assert abs(model.correction.weights @ z) < 3.0
    assert np.isfinite(model.typical(z, 80.0))
    assert before > 0.0


def test_who_has_never_bought_is_expected_to_spend_what_such_people_do() -> None:
    model, z = ValueModel(), np.zeros(len(INPUTS))
    assert model.typical(z, 0.0) == 0.0
    for number in range(400):
        model.learn(z, 0.0, 30.0 if number % 4 == 0 else 0.0)
    assert model.newcomer == 7.5
    assert 0.0 < model.typical(z, 0.0) <= 7.5


def test_recent_spend_counts_beside_the_long_run() -> None:
    known = Rhythm(10.0, 300.0, 20.0)
    said = silence(*known, HORIZON)
    bought = {
        "orders": 10,
        "avg_order_value": 50.0,
        "days_since_first_order": 300,
        "days_since_last_order": 20,
    }

    def spend(lately: float, ahead: float = HORIZON) -> float:
        return expected_spend(
            features_of(**bought, revenue_decayed_90d=lately), 0.0, known, said, None, HORIZON, ahead
        )

    assert 0.0 < spend(0.0) < spend(100.0) < spend(400.0) < 8.0 * spend(100.0)
    assert spend(100.0) < spend(100.0, 365.0) < 365.0 / HORIZON * spend(100.0)

import random
from math import exp

import numpy as np
import pytest
from river import linear_model, optim, preprocessing
from scipy.optimize import minimize

from scorers.linear import FADING, AdaGrad, Newton, Scaler, SoftmaxRegression, softmax

SIZE = 12
ONE = "one"  # an input that is always one: the intercept


def vectors(count: int) -> list[np.ndarray]:
    rng = random.Random(3)
    return [np.array([rng.gauss(k, 1 + k) for k in range(SIZE)]) for _ in range(count)]


def named(x: np.ndarray) -> dict[object, float]:
    return {**dict(enumerate(x.tolist())), ONE: 1.0}


def test_scaling_is_that_of_river() -> None:
    ours, theirs = Scaler(SIZE), preprocessing.StandardScaler()
    for x in vectors(300):
        ours.learn(x)
        theirs.learn_one(dict(enumerate(x.tolist())))
    x = vectors(1)[0]
    expected = theirs.transform_one(dict(enumerate(x.tolist())))
    assert ours.scale(x).tolist() == pytest.approx(
        [max(min(expected[k], 3), -3) for k in range(SIZE)], abs=1e-9
    )


def test_steps_are_those_of_river_for_log_odds() -> None:
    ours = AdaGrad(SIZE + 1, 0.05)
    theirs = linear_model.LogisticRegression(optimizer=optim.AdaGrad(0.05), intercept_lr=0.0)
    for x in vectors(500):
        label, z = int(exp(-abs(x[0])) > 0.4), np.append(x, 1.0)
        chance = 1 / (1 + exp(-float(ours.weights @ z)))
        assert chance == pytest.approx(theirs.predict_proba_one(named(x))[True], abs=1e-9)
        ours.step((chance - label) * z)
        theirs.learn_one(named(x), bool(label))
    assert ours.weights.tolist() == pytest.approx(
        [*(theirs.weights[k] for k in range(SIZE)), theirs.weights[ONE]]
    )


def test_steps_are_those_of_river_for_numbers() -> None:
    ours = AdaGrad(SIZE + 1, 0.05)
    theirs = linear_model.LinearRegression(optimizer=optim.AdaGrad(0.05), intercept_lr=0.0)
    for x in vectors(500):
        target, z = float(x[1] - x[2]), np.append(x, 1.0)
        told = float(ours.weights @ z)
        assert told == pytest.approx(theirs.predict_one(named(x)), abs=1e-9)
        ours.step(2.0 * (told - target) * z)
        theirs.learn_one(named(x), target)


def test_softmax_regression_is_that_of_river() -> None:
    ours = SoftmaxRegression(1, 3, SIZE, 0.05)
    theirs = linear_model.SoftmaxRegression(optimizer=optim.AdaGrad(0.05))
    for number, x in enumerate(vectors(500)):
        if number > 3:  # River meets its classes one by one
            expected = theirs.predict_proba_one(named(x))
            assert softmax(ours.logits(x, 0)).tolist() == pytest.approx(
                [expected[c] for c in range(3)], abs=1e-9
            )
        label = number % 3 if number < 3 else int(abs(x[3])) % 3
        if number < 3:
            theirs.learn_one(dict.fromkeys(named(x), 0.0), label)
            continue
        ours.learn(x, 0, label)
        theirs.learn_one(named(x), label)


def answers(count: int, seed: int = 7) -> list[tuple[np.ndarray, int]]:
    """What matters is the difference of two inputs that tell nearly the same."""
    rng = random.Random(seed)
    made = []
    for _ in range(count):
        shared, apart = rng.gauss(0, 1), rng.gauss(0, 0.2)
        z = np.array([shared + apart, shared - apart, rng.gauss(0, 1)])
        made.append((z, int(rng.random() < 1 / (1 + exp(-6.0 * apart)))))
    return made


def learned(newton: Newton, count: int) -> Newton:
    for z, label in answers(count):
        newton.step(z, 1 / (1 + exp(-float(newton.weights @ z))), label)
    return newton


def test_one_step_an_example_comes_near_to_the_fit_of_all_at_once() -> None:
    known = answers(4000)
    z, signs = np.array([each for each, _ in known]), np.array([2 * label - 1 for _, label in known])

    def lost(weights: np.ndarray) -> float:
        return float(np.logaddexp(0.0, -signs * (z @ weights)).sum() + weights @ weights / (2 * 0.1))

    fitted = minimize(lost, np.zeros(3)).x
    assert learned(Newton(3, 0.1), 4000).weights == pytest.approx(fitted, abs=0.15)


def test_the_difference_of_inputs_that_tell_the_same_is_found() -> None:
    newton = learned(Newton(3, 0.1), 4000)
    first_order = AdaGrad(3, 0.02, 1.0)
    for z, label in answers(4000):
        first_order.step((1 / (1 + exp(-float(first_order.weights @ z))) - label) * z)
    right, slow = (float(weights[0] - weights[1]) for weights in (newton.weights, first_order.weights))
    assert 4.0 < right < 7.0
    assert slow < right / 2.0


def test_covariance_stays_between_nothing_and_what_it_began_with() -> None:
    newton = learned(Newton(3, 0.1), 20 * FADING)
    for _ in range(100 * FADING):
        newton.step(np.array([3.0, -3.0, 0.0]), 1.0 - 1e-12, 1)
    eigenvalues = np.linalg.eigvalsh(newton.covariance)
    assert eigenvalues.min() > 0.0
    assert eigenvalues.max() <= 0.1

import random
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorers.evaluation import auc, binary_figures, calibration_error

pairs = st.lists(st.tuples(st.sampled_from([0.1, 0.3, 0.5, 0.9]), st.integers(0, 1)), min_size=2, max_size=30)


@given(pairs)
def test_auc_is_the_share_of_pairs_in_order(made: list[tuple[float, int]]) -> None:
    ones = [p for p, y in made if y]
    zeros = [p for p, y in made if not y]
    got = auc([p for p, _ in made], [y for _, y in made])
    if not ones or not zeros:
        assert got is None
        return
    won = sum((a > b) + (a == b) / 2 for a, b in product(ones, zeros))
    assert got == pytest.approx(won / (len(ones) * len(zeros)))


def test_an_honest_probability_is_calibrated_and_a_loud_one_is_not() -> None:
    rng = random.Random(1)
    p = [rng.random() for _ in range(20_000)]
    y = [int(rng.random() < q) for q in p]
    honest, loud = calibration_error(p, y), calibration_error([min(1, 1.5 * q) for q in p], y)
    assert honest is not None
    assert loud is not None
    assert honest < 0.015
    assert loud > 0.1


def test_no_examples_have_no_figures() -> None:
    assert binary_figures([], []) == {
        "examples": 0, "base_rate": None, "auc": None, "log_loss": None, "brier": None, "ece": None,
    }  # fmt: skip


def test_certainty_that_is_wrong_costs_a_finite_loss() -> None:
    loss = binary_figures([1.0, 0.0], [0, 1])["log_loss"]
    assert loss == pytest.approx(9.2103, abs=1e-3)

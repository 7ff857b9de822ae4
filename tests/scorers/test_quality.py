import random
from math import nan

import pytest

from scorers.evaluation import binary_figures
from scorers.quality import WINDOW, BinaryQuality, StageQuality, ValueQuality


def made(count: int) -> tuple[list[float], list[int]]:
    rng = random.Random(3)
    p = [rng.betavariate(2, 3) for _ in range(count)]
    return p, [int(rng.random() < q) for q in p]


def test_running_figures_agree_with_the_exact_ones() -> None:
    p, y = made(9000)
    quality = BinaryQuality()
    for one, label in zip(p, y, strict=True):
        quality.update(one, label)
    exact, running = binary_figures(p, y), quality.overall()
    for name in ("examples", "base_rate", "log_loss", "brier"):
        assert running[name] == pytest.approx(exact[name])
    assert running["auc"] == pytest.approx(exact["auc"], abs=1e-3)
    assert running["ece"] == pytest.approx(exact["ece"], abs=3e-3)


def test_recent_figures_forget_what_is_older_than_the_window() -> None:
    p, y = made(2 * WINDOW + 100)
    quality = BinaryQuality()
    for one, label in zip(p, y, strict=True):
        quality.update(one, label)
    exact = binary_figures(p[-WINDOW:], y[-WINDOW:])
    assert quality.recent() == pytest.approx(exact)


def test_what_is_not_a_number_is_not_counted() -> None:
    binary, value = BinaryQuality(), ValueQuality()
    binary.update(nan, 1)
    value.update(nan, 1.0)
    StageQuality().update({}, "loyal")
    assert binary.overall()["examples"] == value.overall()["examples"] == 0


def test_a_stage_that_was_not_predicted_costs_a_finite_loss() -> None:
    quality = StageQuality()
    quality.update({"a": 1.0}, "b")
    assert quality.overall() == {"examples": 1, "accuracy": 0.0, "log_loss": pytest.approx(9.21, abs=0.01)}

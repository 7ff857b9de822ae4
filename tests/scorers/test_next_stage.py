import random
from math import log

import numpy as np
import pytest

from scorers.next_stage import NextStageModel
from scorers.transforms import INPUTS

STAGES = 5


def told(model: NextStageModel, stage: int, bins: tuple[int, int, int, int] = (0, 3, 3, 8)) -> list[float]:
    return model.distribution(np.zeros(len(INPUTS)), stage, bins)


def test_before_any_label_most_stay_and_onward_is_likelier_than_elsewhere() -> None:
    model = NextStageModel(STAGES)
    first, last = told(model, 1), told(model, STAGES - 1)
    assert first[1] == pytest.approx(last[-1]) == pytest.approx(0.8)
    assert first[2] > 2 * first[0] == pytest.approx(2 * first[4])
    assert last[:-1] == pytest.approx([0.05] * 4)


def test_few_labels_outweigh_what_was_assumed() -> None:
    model, z = NextStageModel(STAGES), np.zeros(len(INPUTS))
    for _ in range(12):
        model.learn(z, 1, 3, (0, 3, 3, 8))
    assert told(model, 1)[3] > 0.9


def test_with_few_labels_it_is_not_worse_than_counting_what_followed() -> None:
    rng, model = random.Random(5), NextStageModel(STAGES)
    counts = np.full((STAGES, STAGES), 0.05) + np.eye(STAGES) * 0.75
    ours = theirs = 0.0
    for _ in range(600):
        stage = rng.randrange(STAGES)
        z = np.array([rng.gauss(0.0, 1.0) for _ in INPUTS])
        bins = (0, rng.randrange(16), rng.randrange(16), rng.randrange(16))  # which tell nothing
        following = rng.choices((stage, (stage + 2) % STAGES), (0.7, 0.3))[0]
        ours -= log(model.distribution(z, stage, bins)[following])
        theirs -= log(counts[stage, following] / counts[stage].sum())
        model.learn(z, stage, following, bins)
        counts[stage, following] += 1.0
    assert ours < 1.1 * theirs

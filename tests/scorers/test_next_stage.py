import random
from math import log

import numpy as np
import pytest

from scorers.deadline import Deadline
from scorers.next_stage import NextStageModel, Place, place_of
from scorers.transforms import INPUTS

STAGES = 5


USUAL = Place((0, 3, 3, 8))
DUE = Place((0, 4, 12, 9), target=0, chance=0.9)


def told(model: NextStageModel, stage: int, place: Place = USUAL) -> list[float]:
    return model.distribution(np.zeros(len(INPUTS)), stage, place)


def test_before_any_label_most_stay_and_onward_is_likelier_than_elsewhere() -> None:
    model = NextStageModel(STAGES)
    first, last = told(model, 1), told(model, STAGES - 1)
    assert first[1] == pytest.approx(last[-1]) == pytest.approx(0.8)
    assert first[2] > 2 * first[0] == pytest.approx(2 * first[4])
    assert last[:-1] == pytest.approx([0.05] * 4)


def test_few_labels_outweigh_what_was_assumed() -> None:
    model, z = NextStageModel(STAGES), np.zeros(len(INPUTS))
    for _ in range(12):
        model.learn(z, 1, 3, USUAL)
    assert told(model, 1)[3] > 0.9


def test_with_few_labels_it_is_not_worse_than_counting_what_followed() -> None:
    rng, model = random.Random(5), NextStageModel(STAGES)
    counts = np.full((STAGES, STAGES), 0.05) + np.eye(STAGES) * 0.75
    ours = theirs = 0.0
    for _ in range(600):
        stage = rng.randrange(STAGES)
        z = np.array([rng.gauss(0.0, 1.0) for _ in INPUTS])
        bins = Place((0, rng.randrange(16), rng.randrange(16), rng.randrange(16)))  # which tell nothing
        following = rng.choices((stage, (stage + 2) % STAGES), (0.7, 0.3))[0]
        ours -= log(model.distribution(z, stage, bins)[following])
        theirs -= log(counts[stage, following] / counts[stage].sum())
        model.learn(z, stage, following, bins)
        counts[stage, following] += 1.0
    assert ours < 1.1 * theirs


def test_before_any_label_a_deadline_is_reached_as_surely_as_silence_lasts() -> None:
    model = NextStageModel(STAGES)
    assert told(model, 1, DUE) == pytest.approx([0.903, 0.08, 0.011, 0.003, 0.003], abs=1e-9)


def test_those_without_a_deadline_teach_nothing_of_it() -> None:
    model, z = NextStageModel(STAGES), np.zeros(len(INPUTS))
    for _ in range(2000):
        model.learn(z, 1, 1, USUAL)
    assert told(model, 1)[1] > 0.99
    assert told(model, 1, DUE)[0] == pytest.approx(0.9, abs=0.001)


def test_what_followed_deadlines_corrects_what_the_rules_say_of_them() -> None:
    model, z = NextStageModel(STAGES), np.zeros(len(INPUTS))
    before = told(model, 1)
    for number in range(400):
        model.learn(z, 1, 2 if number % 4 else 0, DUE)
    assert told(model, 1, DUE)[2] == pytest.approx(0.75, abs=0.05)
    assert told(model, 1)[1] == pytest.approx(before[1], abs=0.02)


@pytest.mark.parametrize("chance", [0.0, 0.3, 1.0])
def test_a_place_with_a_deadline_is_found_by_it(chance: float) -> None:
    place = place_of([], 0.0, Deadline(6.9, 3, by_orders=True), lambda _: chance)
    assert (place.bins[:2], place.target, place.chance) == ((0, 3), 3, chance)
    assert 0 <= place.bins[2] <= 15

import random

from scorers.closed_form import probability
from scorers.level import Level


def taught(errors: list[float], answers: int = 400) -> Level:
    """A level that has seen a block of answers for each true error, and the beginning of another block."""
    rng, level = random.Random(7), Level()
    for block, error in enumerate([*errors, 0.0]):
        for _ in range(answers):
            level.learn(float(block), 0.0, int(rng.random() < probability(error)))
    return level


def test_a_large_and_lasting_error_is_made_good() -> None:
    assert -2.0 < taught([-2.0] * 8).value < -0.7


def test_a_season_is_not_taken_for_an_error() -> None:
    assert abs(taught([0.4, -0.4] * 6).value) < 0.01
    assert 0.0 < taught([0.3] * 8).value < 0.06


def test_nothing_is_believed_of_a_few_answers() -> None:
    level = Level()
    for _ in range(80):
        level.learn(1.0, 0.0, 1)
    assert level.value == 0.0
    level.learn(1.0, 0.0, 1)
    assert level.value > 0.5


def test_a_late_answer_counts_to_the_current_block() -> None:
    mixed, plain = Level(), Level()
    for number in range(400):
        mixed.learn(5.0 if number % 2 else 4.0, 0.0, 1)
        plain.learn(5.0, 0.0, 1)
    assert mixed.value == plain.value

from scorers.mixture import GRID, Mixture


def test_the_prior_speaks_alone_at_first() -> None:
    assert Mixture().weight == 0.0


def test_trust_moves_to_whoever_answers_better() -> None:
    better, worse = Mixture(), Mixture()
    for _ in range(5000):
        better.update([0.5 - 0.1 * weight for weight in GRID])
        worse.update([0.5 + 0.1 * weight for weight in GRID])
    assert better.weight > 0.75
    assert worse.weight < 0.25


def test_near_equals_are_mixed_rather_than_chosen_between() -> None:
    equals = Mixture()
    for _ in range(50_000):
        equals.update([0.5 - 0.002 * weight for weight in GRID])
    assert 0.45 < equals.weight < 0.6


def test_after_a_change_old_merits_say_little() -> None:
    mixture = Mixture()
    for _ in range(5000):
        mixture.update([0.5 - 0.1 * weight for weight in GRID])
    before = mixture.weight
    mixture.forget(0.01)
    assert mixture.weight < before

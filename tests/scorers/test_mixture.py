from scorers.mixture import GRID, Mixture


def test_the_prior_speaks_alone_at_first() -> None:
    assert Mixture().weight == 0.0


def test_trust_moves_to_whoever_answers_better() -> None:
    better, worse = Mixture(), Mixture()
    for _ in range(5000):
        better.update([0.5 - 0.1 * weight for weight in GRID])
        worse.update([0.5 + 0.1 * weight for weight in GRID])
    assert better.weight > 0.8
    assert worse.weight < 0.1

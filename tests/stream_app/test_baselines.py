import numpy as np
import pytest

from stream_app.baselines import Delay, base_rate, next_stages, recency

DAY = 86_400_000_000
SEED = 5


def asked(days: int, customers: int = 50) -> np.ndarray:
    return np.repeat(np.arange(days, dtype=np.int64) * DAY, customers)


def test_what_comes_true_later_changes_no_answer() -> None:
    """With a horizon of 10 days nothing that was asked after day 20 can be known on day 30."""
    draw = np.random.default_rng(SEED)
    at, delay = asked(40), Delay(10 * DAY)
    labels = draw.integers(0, 2, len(at))
    days = draw.exponential(30, len(at))
    stage, following = draw.integers(0, 3, len(at)), draw.integers(0, 3, len(at))
    corrupted = at > 20 * DAY
    early = at <= 30 * DAY

    def answers(labels: np.ndarray, following: np.ndarray) -> list[np.ndarray]:
        moves = next_stages(at, stage, days, following, 3, delay)
        likeliest = [stages for _, stages in moves.values()]
        return [base_rate(at, labels, delay), recency(at, days, labels, delay), *likeliest]

    before = answers(labels, following)
    after = answers(np.where(corrupted, 1 - labels, labels), np.where(corrupted, 0, following))
    for one, other in zip(before, after, strict=True):
        assert np.array_equal(one[early], other[early])
    assert not np.array_equal(before[0], after[0])
    assert not np.array_equal(before[1], after[1])


def test_recency_learns_how_often_the_silent_are_gone() -> None:
    draw = np.random.default_rng(SEED)
    at = asked(100)
    days = draw.uniform(0, 200, len(at))
    labels = (draw.uniform(0, 200, len(at)) < days).astype(np.int64)
    said = recency(at, days, labels, Delay(10 * DAY))
    late = at > 80 * DAY
    assert np.abs(said[late] - days[late] / 200).mean() < 0.06


def test_the_markov_chain_tells_by_time_in_stage() -> None:
    """Who is in stage 0 for long moves on, who is new there stays: only the chain with time can say so."""
    draw = np.random.default_rng(SEED)
    at = asked(60)
    stage, tenure = np.zeros(len(at), np.int64), draw.uniform(0, 100, len(at))
    following = (tenure > 45).astype(np.int64)
    told = next_stages(at, stage, tenure, following, 2, Delay(5 * DAY))
    late = at > 40 * DAY
    assert told["markov"][0][late].mean() > 0.95
    assert told["successor"][0][late].mean() == pytest.approx(0.5, abs=0.05)


def test_on_own_schedules_a_day_is_answered_with_what_was_known_at_its_midnight() -> None:
    at = np.array([0, 6 * 3600 * 1_000_000, DAY + 1, 2 * DAY], np.int64)
    labels = np.array([1, 1, 0, 0])
    told = base_rate(at, labels, Delay(DAY, grain=DAY))
    assert told.tolist() == [0.5, 0.5, pytest.approx(2 / 3), pytest.approx(3 / 4)]

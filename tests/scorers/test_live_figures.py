from math import log

import pytest

from scorers.example import Example
from scorers.live_figures import LiveFigures


def answered(asked: int, answer: int, following: str, churned: int = 0) -> Example:
    return Example(
        id=f"{asked}-{answer}-{following}",
        lifecycle="shop",
        asked_at=f"2026-01-{asked:02}T00:00:00Z",
        answered_at=f"2026-01-{answer:02}T00:00:00Z",
        stage="new",
        features=[],
        schema="s",
        churn_risk=0.5,
        next_stage={"new": 0.6, "regular": 0.3, "lapsed": 0.1},
        churned=churned,
        next=following,
    )


def test_baselines_know_what_was_known_when_the_question_was_asked() -> None:
    figures = LiveFigures()
    for _ in range(4):
        figures.update(answered(1, 10, "new", churned=1))
    # asked before any of these answers: nothing but the prior
    figures.update(answered(5, 14, "regular"))
    assert figures.staying_loss() == pytest.approx(-(4 * log(0.8) + log(0.1)) / 5)
    assert figures.base_rate_loss() == pytest.approx(-log(0.5))
    # asked after the four: they count, the fifth does not yet
    figures.update(answered(12, 20, "new"))
    assert figures.stays_loss == pytest.approx(-(4 * log(0.8) + log(0.1) + log(4.8 / 5.0)))
    assert figures.base_loss == pytest.approx(-(5 * log(0.5) + log(1.0 - 5.0 / 6.0)))


def test_a_baseline_divides_its_chances_among_the_same_stages() -> None:
    figures = LiveFigures()
    figures.update(answered(1, 10, "lapsed"))
    assert figures.staying_loss() == pytest.approx(-log(0.2 / 2))


def test_days_are_bounded() -> None:
    figures = LiveFigures()
    for day in range(1000):
        figures.stayed.add(float(day), 1)
    assert len(figures.stayed.days) == len(figures.stayed.seen) == 400
    assert figures.stayed.before(1000.0) == (1000, 1000)

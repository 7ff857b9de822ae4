"""Whatever is thrown at a learner, its answers stay numbers and it stays able to learn."""

import random
from collections.abc import Callable
from math import inf, isfinite, nan

import msgspec
import pytest

from scorers.example import Example
from scorers.learner import Learner
from scorers.predictor import predictor_of
from scorers.recent_ids import RecentIds
from scorers.snapshot import MOST_BYTES, LearnerState, open_snapshot, restore, seal
from scorers.transforms import FEATURES
from tests.scorers.buyers import TASK, buyer, examples, features_of

Change = Callable[[random.Random, Example], Example]


def constant(_: random.Random, example: Example) -> Example:
    return msgspec.structs.replace(
        example, features=list(features_of(orders=3, days_since_first_order=90, days_since_last_order=9))
    )


def one_class(_: random.Random, example: Example) -> Example:
    return msgspec.structs.replace(example, churned=None if example.churned is None else 1, spent=0.0)


def a_million_events(_: random.Random, example: Example) -> Example:
    million = features_of(
        orders=1e6, sessions=1e6, days_since_first_order=400, days_since_last_order=0.001, avg_order_value=9.0
    )
    return msgspec.structs.replace(example, features=list(million))


def amounts_of_a_trillion(rng: random.Random, example: Example) -> Example:
    known = dict(zip(FEATURES, example.features, strict=True))
    known |= dict.fromkeys(("avg_order_value", "last_order_value", "revenue_30d", "revenue_90d"), 1e12)
    return msgspec.structs.replace(
        example, features=list(known.values()), spent=rng.choice([0.0, 1e12, 1e300])
    )


def a_clock_that_jumps(rng: random.Random, example: Example) -> Example:
    year = rng.choice([1971, 1999, 2026, 2026, 2026, 2200])
    return msgspec.structs.replace(
        example, asked_at=f"{year}-01-01T00:00:00Z", answered_at=f"{year}-04-01T00:00:00Z"
    )


def no_numbers(rng: random.Random, example: Example) -> Example:
    return msgspec.structs.replace(
        example, features=[rng.choice([nan, inf, -inf, -1.0, 3.4e38]) for _ in FEATURES]
    )


ADVERSITIES = (constant, one_class, a_million_events, amounts_of_a_trillion, a_clock_that_jumps, no_numbers)


@pytest.mark.parametrize("change", ADVERSITIES)
def test_answers_stay_numbers_and_learning_goes_on(change: Change) -> None:
    rng, learner = random.Random(2), Learner(TASK)
    for number, example in enumerate(examples(900, ask_learner=False)):
        asked = change(rng, example) if number % 3 else example
        if number % 2:
            learner.learn(msgspec.structs.replace(asked, churned=None, next=None, spent=None))
        learner.learn(asked)
    predictor = predictor_of(learner)
    assert predictor.labels > 400
    for number in range(50):
        shown = change(rng, msgspec.structs.replace(examples(1)[0], features=list(buyer(rng)))).vector()
        churn, following, value = predictor.score(shown, number % 4)
        assert 0.0 <= churn <= 1.0
        assert sum(following) == pytest.approx(1.0)
        assert isfinite(value)
        assert value >= 0.0
        assert isfinite(predictor.value_ahead(shown))


def test_after_all_adversities_a_snapshot_is_small_and_whole() -> None:
    rng, learner = random.Random(2), Learner(TASK)
    for number, example in enumerate(examples(1200, ask_learner=False)):
        learner.learn(ADVERSITIES[number % len(ADVERSITIES)](rng, example))
    state = LearnerState({"retail": learner}, 0, RecentIds(), {})
    sealed = seal(state, b"k" * 32, "2026-01-01T00:00:00Z")
    assert len(sealed) < MOST_BYTES / 2
    again = restore(open_snapshot(sealed, b"k" * 32, {"retail": TASK}))
    assert predictor_of(again.learners["retail"]) == predictor_of(learner)

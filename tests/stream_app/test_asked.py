import tracemalloc
from math import inf

from scorers.predictor import Scores
from scorers.transforms import FEATURES
from stream_app.asked import Asked

STAGES = 7


def test_a_million_waiting_labels_fit_into_a_third_of_a_gigabyte() -> None:
    """Scaled down to 50,000: a question that waits costs less than 330 bytes beside the customer's name."""
    customers = [f"c{number}" for number in range(50_000)]
    features, scores = [inf, *[1.5] * (len(FEATURES) - 1)], Scores(0.5, [1 / STAGES] * STAGES, 12.0)
    tracemalloc.start()
    try:
        asked = Asked(0, version=1)
        for customer in customers:
            asked.add(customer, 3, features, scores, 10_000_000, known=True, since=0)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held / len(asked) < 330
    assert asked.features(49_999) == features


def test_who_was_never_active_has_no_risk() -> None:
    asked = Asked(0, version=1)
    asked.add("ann", 0, [0.0] * len(FEATURES), Scores(0.0, [1.0], 0.0), 0, known=False, since=0)
    assert asked.risk(0) is None

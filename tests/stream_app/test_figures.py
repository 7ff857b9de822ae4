import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorers.evaluation import binary_figures
from stream_app.figures import binary, deciles, gini, months

RISKS = st.sampled_from([0.0, 0.1, 0.3, 0.3000001, 0.5, 0.9, 1.0])


@given(st.lists(st.tuples(RISKS, st.integers(0, 1)), max_size=80))
def test_figures_of_columns_are_those_of_lists(pairs: list[tuple[float, int]]) -> None:
    risks, labels = [risk for risk, _ in pairs], [label for _, label in pairs]
    of_columns = binary(np.array(risks, np.float64), np.array(labels, np.int64))
    assert of_columns == pytest.approx(binary_figures(risks, labels), abs=1e-12)


@given(st.lists(st.tuples(RISKS, st.integers(0, 1)), min_size=10, max_size=80))
def test_the_order_among_ties_changes_no_lift(pairs: list[tuple[float, int]]) -> None:
    there, back = (np.array(some) for some in (pairs, pairs[::-1]))
    assert deciles(there[:, 0], there[:, 1]) == pytest.approx(deciles(back[:, 0], back[:, 1]))


def test_lifts_average_to_one_and_the_best_order_has_a_gini_of_one() -> None:
    amounts = np.arange(100.0) ** 2
    assert np.mean(deciles(amounts, amounts) or ()) == pytest.approx(1.0)
    assert gini(amounts, amounts) == 1.0
    assert gini(-amounts, amounts) == pytest.approx(-1.0)


def test_months_are_those_of_the_calendar() -> None:
    leap_day = np.array(["2020-02-29T23:59:59.999999", "2020-03-01"], "datetime64[us]").astype(np.int64)
    assert months(leap_day).tolist() == [601, 602]

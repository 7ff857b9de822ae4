import pytest

from scorers.definition import LifecycleError
from tests.scorers.imagined import lifecycle


@pytest.mark.parametrize(
    "table",
    [
        'enter = "days_in_stage > 7"',
        'enter = "orders >= 1 and days_in_stage > 7"',
        'enter = "orders >= 1 and days_in_stage > 7"\nmin_dwell = "3d"',
        'enter = "days_in_stage > 7"\nleave = "days_in_stage > 3"',
        'enter = "churn_risk > 0.5 and days_in_stage > 7"',
        'enter = "days_since_last_order > 7 and days_in_stage >= 1"',
    ],
)
def test_a_lifecycle_that_goes_in_circles_by_time_alone_is_refused(table: str) -> None:
    with pytest.raises(LifecycleError, match=r"circle for ever: s\d -> s\d -> s\d; give the stage"):
        lifecycle(table)


@pytest.mark.parametrize(
    "table",
    [
        'enter = "orders >= 1 and days_in_stage > 7"\nleave = "orders < 1"',
        'enter = "orders_30d >= 1 and days_in_stage > 7"',
        'enter = "orders >= 1"\nleave = "days_in_stage > 7"',
        'enter = "days_in_stage > 7"\nleave = "days_in_stage > 9"',  # by then its enter holds again
        'enter = "days_since_last_order > 7"',
        'enter = "cycle >= 2 and orders >= 1"',
    ],
)
def test_a_lifecycle_that_comes_to_rest_is_accepted(table: str) -> None:
    assert len(lifecycle(table).stages) == 2

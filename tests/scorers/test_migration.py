import json

import pytest

from scorers.definition import LifecycleError
from scorers.migration import compatible, summary
from tests.scorers.imagined import lifecycle

BEFORE = lifecycle('enter = "orders >= 1"', 'enter = "orders >= 3"')


def test_the_same_lifecycle_needs_nothing() -> None:
    migration = compatible(json.loads(json.dumps(summary(BEFORE))), BEFORE)
    assert migration.is_same
    assert not migration.re_evaluate
    assert [migration.stage(number) for number in (-1, 0, 1, 2)] == [-1, 0, 1, 2]


def test_changed_thresholds_are_evaluated_again() -> None:
    migration = compatible(summary(BEFORE), lifecycle('enter = "orders >= 2"', 'enter = "orders >= 3"'))
    assert (migration.is_same, migration.re_evaluate, migration.relearn) == (False, True, False)


def test_a_renamed_stage_takes_its_customers_over() -> None:
    after = lifecycle(
        'enter = "orders >= 1"', 'enter = "orders >= 2"', 'enter = "orders >= 3"\nwas = ["gone"]'
    )
    old = summary(BEFORE) | {"stages": ["s0", "gone", "s2"]}
    migration = compatible(old, after)
    assert migration.stages == (0, 3, 2)
    assert migration.relearn


def test_a_stage_that_is_gone_is_refused_with_what_to_do() -> None:
    with pytest.raises(LifecycleError, match=r"may stand in 's2', .* add was = \[\"s2\"\] to the stage"):
        compatible(summary(BEFORE), lifecycle('enter = "orders >= 1"'))


def test_state_of_another_lifecycle_or_format_is_refused() -> None:
    other = lifecycle('enter = "orders >= 1"', 'enter = "orders >= 3"', name="other")
    with pytest.raises(LifecycleError, match="keep the name"):
        compatible(summary(BEFORE), other)
    with pytest.raises(LifecycleError, match="summary format 2"):
        compatible(summary(BEFORE) | {"format": 2}, BEFORE)

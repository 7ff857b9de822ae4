"""The stage is the last one in file order that holds, at every instant of a customer's life."""

from math import nan

import pytest

from scorers.crossing import DAY, FAR
from scorers.lifecycle import Lifecycle
from tests.scorers.imagined import Customer, PublishedNames, Standing, lifecycle

HOUR = DAY // 24
NOW = 1000 * DAY
RETAIL = """
name = "retail-basic"

[[stage]]                       # the first stage is where everyone enters: no condition
name = "prospect"

[[stage]]
name = "customer"
enter = "orders >= 1"
actions = ["welcome series", "usage guide"]

[[stage]]
name = "loyal"
enter = "orders_180d >= 3 and avg_order_value > 20"
leave = "days_since_last_order > 120"      # optional hysteresis: once in, out only when this holds
min_dwell = "3d"                           # optional: not left before

[[stage]]
name = "lapsed"
enter = "orders >= 1 and days_since_last_order >= 90"
lost = true                                # coming back from here starts a new cycle
"""


@pytest.fixture
def retail() -> Lifecycle:
    return Lifecycle.parse(RETAIL, PublishedNames(), "retail.toml")


def test_a_customer_goes_through_exactly_the_moves_that_arithmetic_gives(retail: Lifecycle) -> None:
    someone = Customer(retail)
    someone.does(0, "page_views").does(10 * DAY, "orders").does(20 * DAY, "orders").does(30 * DAY, "orders")
    someone.waits(200 * DAY).does(200 * DAY + 5, "orders").waits(600 * DAY)
    assert someone.moves == [
        (0, "entered", "prospect"),
        (10 * DAY, "advanced", "customer"),
        (30 * DAY, "advanced", "loyal"),
        (120 * DAY, "lapsed", "lapsed"),
        (200 * DAY + 5, "reactivated", "customer"),  # two orders are older than 180 days by then
        (290 * DAY + 5, "lapsed", "lapsed"),
    ]
    assert someone.standing.cycle == 2


def test_features_are_what_the_profile_must_answer(retail: Lifecycle) -> None:
    assert retail.features == ("orders", "orders_180d", "avg_order_value", "days_since_last_order")
    assert not retail.uses_scores


def test_who_stands_somewhere_is_decided_about_by_that_stage_and_later_ones() -> None:
    tried = Lifecycle.parse(
        """
        name = "tried"
        [[stage]]
        name = "first"
        [[stage]]
        name = "second"
        enter = "carts >= 1"
        leave = "tickets >= 2"
        [[stage]]
        name = "third"
        enter = "orders >= 1"
        leave = "refunds >= 1"
        """,
        PublishedNames(),
    )
    assert [tried.deciding(stage) for stage in (0, 1, 2)] == [
        ("carts", "orders"),
        ("carts", "tickets", "orders"),
        ("orders", "refunds"),
    ]
    assert tried.deciding(-1) == tried.features


def test_a_stage_held_by_leave_counts_as_holding_until_leave_holds() -> None:
    tried = lifecycle('enter = "orders >= 3"\nleave = "days_since_last_order > 10"')
    held = Standing(1, NOW, 1)
    assert tried.decide(NOW + 10 * DAY, [1, NOW], held) == 1
    assert tried.next_change(NOW, [1, NOW], held) == NOW + 10 * DAY + 1
    assert tried.decide(NOW + 10 * DAY + 1, [1, NOW], held) == 0
    assert tried.decide(NOW + 10 * DAY + 1, [3, NOW], held) == 1, "its enter holds all the same"


def test_min_dwell_holds_a_stage_until_it_is_over_and_not_longer() -> None:
    tried = lifecycle('enter = "days_since_last_order < 1"\nmin_dwell = "3d"')
    held = Standing(1, NOW, 1)
    assert tried.next_change(NOW, [NOW], held) == NOW + 3 * DAY
    assert tried.decide(NOW + 3 * DAY - 1, [NOW], held) == 1
    assert tried.decide(NOW + 3 * DAY, [NOW], held) == 0


def test_dwelling_does_not_delay_going_on() -> None:
    tried = lifecycle('enter = "orders >= 1"\nmin_dwell = "30d"', 'enter = "orders >= 2"')
    assert tried.decide(NOW + 1, [2], Standing(1, NOW, 1)) == 2


def test_days_in_stage_count_from_entering() -> None:
    tried = lifecycle('enter = "orders >= 1"\nleave = "days_in_stage >= 2"', 'enter = "orders >= 9"')
    held = Standing(1, NOW, 1)
    assert tried.features == ("orders",)
    assert tried.next_change(NOW, [0], held) == NOW + 2 * DAY
    assert tried.decide(NOW + 2 * DAY, [0], held) == 0


def test_a_late_event_moves_nobody_backwards() -> None:
    tried = lifecycle('enter = "orders >= 1"', 'enter = "days_since_last_order > 90"')
    held, v = Standing(2, NOW, 1), [1, NOW - 30 * DAY]
    assert tried.decide(NOW, v, held) == 1
    assert tried.decide(NOW, v, held, late=True) == 2
    assert tried.decide(NOW, v, Standing(0, NOW, 1), late=True) == 1, "forwards it does"
    assert tried.next_change(NOW, v, held, late=True) == NOW + 60 * DAY + 1


def test_an_unknown_score_satisfies_no_comparison() -> None:
    tried = lifecycle(
        'enter = "churn_risk >= 0"', 'enter = "churn_risk > 0.7 and next_stage_probability < 0.2"'
    )
    assert tried.uses_scores
    nobody = Standing(0, NOW, 1)
    assert [tried.decide(NOW, [], nobody, risk, 0.1) for risk in (nan, -1.0, 0.5, 0.9)] == [0, 0, 1, 2]
    assert tried.decide(NOW, [], nobody, 0.9, -1.0) == 1
    assert tried.next_change(NOW, [], nobody, -1.0, -1.0) == FAR


def test_a_standing_that_its_own_move_undoes_is_looked_at_again_at_once() -> None:
    tried = lifecycle('enter = "orders >= 1 and days_in_stage > 5"\nleave = "orders < 1"')
    assert tried.next_change(NOW, [1], Standing(0, NOW, 1)) == NOW + 5 * DAY + 1
    assert tried.next_change(NOW, [1], Standing(1, NOW, 1)) == FAR


def test_the_fingerprint_changes_with_the_meaning_only(retail: Lifecycle) -> None:
    def of(text: str) -> str:
        return Lifecycle.parse(text, PublishedNames()).fingerprint

    assert (
        of(RETAIL.replace("# optional", "# maybe").replace("orders >= 1", "(orders>=1.0)"))
        == retail.fingerprint
    )
    assert of('description = "x"\n' + RETAIL) == retail.fingerprint
    for old, new in [("> 20", "> 21"), ("3d", "4d"), ("lost = true", ""), ("usage", "user"), ("-basic", "")]:
        assert of(RETAIL.replace(old, new)) != retail.fingerprint


def test_thousands_of_decisions_take_no_noticeable_time(retail: Lifecycle) -> None:
    standing = Standing(2, NOW, 1)
    for hour in range(5_000):
        at = NOW + hour * HOUR
        assert retail.next_change(at, [4, 3, 30.0, NOW], standing) > at

"""Every preset loads against the real catalogue, and leads a made-up customer through its stages and back."""

from pathlib import Path

import pytest

import state
from scorers import presets
from scorers.crossing import DAY
from scorers.definition import LifecycleError
from scorers.lifecycle import Lifecycle
from state import MINUTE
from tests.scorers.imagined import Customer

PRESETS = Path(__file__).parents[2] / "config" / "lifecycles"
PUBLISHED = {
    "six-stage": "awareness consideration purchase service loyalty advocacy",
    "win-back": "awareness engagement conversion retention loyalty re-engagement",
    "seven-stage": "awareness interest consideration purchase retention loyalty advocacy",
    "experience": "awareness knowledge conversion experience retention advocacy",
    "reach": "reach acquisition purchase retention loyalty",
    "saas": "trial,onboarding,active,expansion,at risk,cancelled",
    "b2b": "subscriber lead marketingqualifiedlead salesqualifiedlead opportunity customer evangelist other",
    "shop": "first-visit browsing cart cart-left new-customer loyal lapsed",
}
LOST = {"win-back": "re-engagement", "saas": "cancelled", "b2b": "other", "shop": "lapsed"}


def load(name: str) -> Lifecycle:
    return Lifecycle.load(presets.find(name, [PRESETS]), state)


def stages_of(someone: Customer) -> list[str]:
    return [stage for _, _, stage in someone.moves]


def test_the_presets_are_the_published_ones() -> None:
    assert presets.available([PRESETS]) == sorted(PUBLISHED)


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_preset_has_the_published_stages_each_with_actions(name: str) -> None:
    preset = load(name)
    text = PUBLISHED[name]
    assert preset.name == name
    assert list(preset.stage_names) == text.split("," if "," in text else None)
    assert all(stage.actions for stage in preset.stages)
    assert [stage.name for stage in preset.stages if stage.lost] == [LOST[n] for n in (name,) if n in LOST]


@pytest.mark.parametrize("name", PUBLISHED)
def test_silence_ends_in_rest_and_not_at_the_top(name: str) -> None:
    someone = Customer(load(name))
    everything = [
        "sessions",
        "page_views",
        "product_views",
        "carts",
        "orders",
        "reviews",
        "shares",
        "referrals",
        "leads",
        "email_clicks",
        "feature_uses",
        "demos",
    ]
    for day in range(0, 100, 3):
        someone.does(day * DAY, *everything)
    assert someone.standing.stage >= len(someone.lifecycle.stages) - 3
    someone.waits(4000 * DAY)
    rests = LOST.get(name, someone.lifecycle.stage_names[0])
    assert someone.stage == ("at risk" if name == "saas" else rests)
    assert len(someone.moves) < 20, "no flapping"


def test_six_stage_goes_from_awareness_to_advocacy_and_back() -> None:
    someone = Customer(load("six-stage"))
    someone.does(0, "email_opens").does(DAY, "carts").does(2 * DAY, "orders").waits(20 * DAY)
    someone.does(40 * DAY, "orders").does(70 * DAY, "orders").does(75 * DAY, "referrals").waits(1000 * DAY)
    assert someone.moves == [
        (0, "entered", "awareness"),
        (DAY, "advanced", "consideration"),
        (2 * DAY, "advanced", "purchase"),
        (9 * DAY, "advanced", "service"),
        (70 * DAY, "advanced", "loyalty"),
        (75 * DAY, "advanced", "advocacy"),
        (435 * DAY + 1, "returned", "awareness"),
    ]


def test_win_back_wins_back() -> None:
    someone = Customer(load("win-back"))
    someone.does(0, "page_views").does(DAY, "carts").does(2 * DAY, "orders").waits(300 * DAY)
    assert someone.moves[-1] == (182 * DAY + 1, "lapsed", "re-engagement")
    someone.does(300 * DAY, "orders")
    assert someone.moves[-1] == (300 * DAY, "reactivated", "retention")
    assert someone.standing.cycle == 2


def test_seven_stage_knows_interest_from_consideration() -> None:
    someone = Customer(load("seven-stage"))
    someone.does(0, "events").does(DAY, "email_opens", "email_opens").does(2 * DAY, "carts").does(
        3 * DAY, "orders"
    )
    for day in (40, 80, 120):
        someone.does(day * DAY, "orders")
    someone.does(130 * DAY, "referrals")
    assert stages_of(someone) == [
        "awareness", "interest", "consideration", "purchase", "retention", "loyalty", "advocacy",
    ]  # fmt: skip


def test_experience_begins_when_support_is_used() -> None:
    someone = Customer(load("experience"))
    someone.does(0, "events").does(DAY, "email_clicks").does(2 * DAY, "orders").does(3 * DAY, "tickets")
    someone.does(50 * DAY, "orders").does(60 * DAY, "reviews", "shares")
    assert stages_of(someone) == [
        "awareness",
        "knowledge",
        "conversion",
        "experience",
        "retention",
        "advocacy",
    ]


def test_reach_sees_loyalty_fade_when_orders_do() -> None:
    someone = Customer(load("reach"))
    someone.does(0, "events").does(DAY, "ad_clicks").does(2 * DAY, "orders")
    for day in (30, 60, 90):
        someone.does(day * DAY, "orders")
    assert stages_of(someone) == ["reach", "acquisition", "purchase", "retention", "loyalty"]
    someone.waits(2000 * DAY)
    assert [stage for _, _, stage in someone.moves[5:]] == ["retention", "purchase", "reach"]


def test_saas_warns_before_the_cancellation() -> None:
    someone = Customer(load("saas"))
    someone.does(0, "events").does(DAY, "feature_uses").does(3 * DAY, "orders")
    for day in range(4, 14):
        someone.does(day * DAY, "feature_uses", "sessions")
    someone.does(14 * DAY, "referrals").waits(40 * DAY).does(40 * DAY, "cancellations").does(
        60 * DAY, "orders"
    )
    assert stages_of(someone) == [
        "trial", "onboarding", "active", "expansion", "at risk", "cancelled", "onboarding",
    ]  # fmt: skip
    assert someone.moves[4][0] == 27 * DAY + 1
    assert someone.standing.cycle == 2
    someone.waits(80 * DAY)
    assert someone.moves[-1] == (74 * DAY + 1, "skipped", "at risk")
    for day in (80, 81, 82):
        someone.does(day * DAY, "sessions")
    assert someone.stage == "onboarding", "three visits in a fortnight end the risk"


def test_b2b_speaks_the_values_of_a_crm() -> None:
    someone = Customer(load("b2b"))
    someone.does(0, "email_opens").does(DAY, "leads").does(5 * DAY, *["email_clicks"] * 3).does(
        20 * DAY, "demos"
    )
    someone.does(30 * DAY, "demos").does(60 * DAY, "orders").does(90 * DAY, "referrals").waits(900 * DAY)
    ascent, descent = PUBLISHED["b2b"].split()[:-1], ["customer", "other"]
    assert stages_of(someone) == ascent + descent
    assert someone.moves[-1][1] == "lapsed"


def test_a_name_is_a_preset_and_a_path_is_a_path(tmp_path: Path) -> None:
    (tmp_path / "reach.toml").write_text("")
    assert presets.find("reach", [tmp_path, PRESETS]) == tmp_path / "reach.toml", "the first directory wins"
    assert presets.find("mine/reach.toml", [PRESETS]) == Path("mine/reach.toml")
    with pytest.raises(LifecycleError, match="did you mean 'six-stage'") as refused:
        presets.find("six-stages", [PRESETS])
    assert "win-back" in str(refused.value)


def test_shop_tells_a_full_cart_from_one_that_was_left_and_follows_buyers_until_they_lapse() -> None:
    someone = Customer(load("shop"))
    someone.does(0, "product_views").does(MINUTE, "product_views").does(2 * MINUTE, "carts").waits(DAY)
    someone.does(DAY, "orders").does(30 * DAY, "carts").does(30 * DAY, "orders").does(
        60 * DAY, "orders"
    ).waits(200 * DAY)
    assert someone.moves == [
        (0, "entered", "first-visit"),
        (MINUTE, "advanced", "browsing"),
        (2 * MINUTE, "advanced", "cart"),
        (32 * MINUTE, "advanced", "cart-left"),
        (DAY, "advanced", "new-customer"),
        (60 * DAY, "advanced", "loyal"),
        (150 * DAY, "lapsed", "lapsed"),
    ]

"""A wrong file is refused in one line: file, line, reason."""

from pathlib import Path

import pytest

from scorers.definition import LifecycleError, define, read
from tests.scorers.imagined import PublishedNames

GOOD = """name = "shop"

[[stage]]
name = "prospect"

[[stage]]
name = "customer"   # bought
enter = '''
orders >= 1
and days_since_last_order < 90
'''
min_dwell = "3d"
actions = ["welcome series", "usage guide"]

[labels]
churn = "events"
horizon = "30d"
"""


def test_a_good_file_says_what_it_says() -> None:
    shop = define(GOOD, PublishedNames(), "shop.toml")
    assert [stage.name for stage in shop.stages] == ["prospect", "customer"]
    assert shop.stages[1].min_dwell == 3 * 86_400_000_000
    assert shop.stages[1].actions == ("welcome series", "usage guide")
    assert (shop.labels.churn, shop.labels.horizon) == ("events", 30 * 86_400_000_000)


@pytest.mark.parametrize(
    ("old", "new", "line", "reason"),
    [
        ("orders >= 1", "ordrs >= 1", 9, "unknown feature 'ordrs' (did you mean 'orders'?)"),
        ("days_since_last_order < 90", "days_since_last_order < < 90", 10, "'<' is not expected here"),
        ('name = "shop"', 'name = "a b{c}"', 1, "is no lifecycle name"),
        ('name = "shop"', "", 1, "the lifecycle has no name"),
        ('name = "shop"', 'name = "shop"\nowner = "me"', 2, "unknown key 'owner'"),
        ('name = "prospect"', 'name = "prospect"\nenter = "orders > 1"', 5, "without a condition"),
        ('name = "prospect"', 'name = "prospect"\nlost = true', 5, "it cannot be lost"),
        ('name = "prospect"', 'name = "customer"', 7, "two stages are, or were, called 'customer'"),
        ('name = "prospect"', "name = 7", 4, "name must be text, not 7"),
        ('min_dwell = "3d"', 'min_dwell = "3"', 12, "'3' is no duration"),
        ('min_dwell = "3d"', "min_dwell = 3", 12, "3 is no duration"),
        ('min_dwell = "3d"', "lost = 1", 12, "lost must be true or false"),
        ('min_dwell = "3d"', 'min_dwel = "3d"', 12, "unknown key 'min_dwel'"),
        ('min_dwell = "3d"', 'leave = "orders"', 12, "a number is not a condition"),
        ('["welcome series", "usage guide"]', '"welcome"', 13, "actions must be a list of texts"),
        ('churn = "events"', 'churn = "sadness"', 16, "churn must be one of orders, events, cancellations"),
        ('horizon = "30d"', 'horizon = "0d"', 17, "horizon must be longer than nothing"),
        ('horizon = "30d"', "horizon =", 17, "is not TOML"),
    ],
)
def test_a_wrong_file_is_refused_with_line_and_reason(old: str, new: str, line: int, reason: str) -> None:
    with pytest.raises(LifecycleError) as refused:
        define(GOOD.replace(old, new, 1), PublishedNames(), "shop.toml")
    assert str(refused.value).startswith(f"shop.toml:{line}: ")
    assert reason in str(refused.value)
    assert "\n" not in str(refused.value)


def test_more_stages_than_models_have_room_for_are_refused() -> None:
    stages = "".join(f'[[stage]]\nname = "s{n}"\nenter = "orders >= {n}"\n' for n in range(33))
    with pytest.raises(LifecycleError, match="33 stages are more than 32"):
        define(f'name = "x"\n{stages}', PublishedNames(), "shop")


def test_every_later_stage_needs_a_condition() -> None:
    text = 'name = "x"\n[[stage]]\nname = "a"\n[[stage]]\nname = "b"'
    with pytest.raises(LifecycleError, match=r"shop:5: stage 'b' needs an enter condition"):
        define(text, PublishedNames(), "shop")


def test_endless_nesting_is_refused() -> None:
    with pytest.raises(LifecycleError, match=r"shop:1: is nested too deeply"):
        define("x = " + "[" * 100_000, PublishedNames(), "shop")


@pytest.mark.parametrize("text", ['name = "x"', 'name = "x"\nstage = []', 'name = "x"\nstage = 3'])
def test_a_lifecycle_has_stages(text: str) -> None:
    with pytest.raises(LifecycleError, match="needs"):
        define(text, PublishedNames(), "shop.toml")


def test_what_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LifecycleError, match=r"none\.toml: cannot be read: No such file"):
        read(tmp_path / "none.toml", PublishedNames())
    with pytest.raises(LifecycleError, match="cannot be read"):
        read(tmp_path, PublishedNames())
    (tmp_path / "latin.toml").write_bytes(b'name = "x"\n# caf\xe9')
    with pytest.raises(LifecycleError, match=r"latin\.toml:2: is not UTF-8 text"):
        read(tmp_path / "latin.toml", PublishedNames())

import pytest

from scorers.expressions import ExpressionError, names, parse, write


def test_operators_bind_as_in_arithmetic_and_logic() -> None:
    assert write(parse("a + b * 2 > 1 or c < 1 and not d == 2 - 1 - 1")) == (
        "or(>(+(a,*(b,2.0)),1.0),and(<(c,1.0),not(==(d,-(-(2.0,1.0),1.0)))))"
    )


def test_spelling_does_not_matter() -> None:
    assert write(parse("(orders)>=3.0 and\n( (x) < 1e1 )")) == write(parse("orders >= 3 and x < 10"))


def test_names_come_in_the_order_of_the_text() -> None:
    assert [name.name for name in names(parse("b > 1 and not (a < c / -b)"))] == ["b", "a", "c", "b"]


@pytest.mark.parametrize(
    ("text", "offset", "reason"),
    [
        ("orders", 0, "a number is not a condition"),
        ("orders and x > 1", 7, "'and' needs conditions"),
        ("1 < x < 3", 6, "do not chain"),
        ("__import__(os)", 10, "'(' is not expected"),
        ("orders.real > 1", 6, "'.' has no meaning"),
        ("orders = 3", 7, "write =="),
        ("orders > 1 & x > 2", 11, "write and"),
        ("orders ** 2 > 1", 8, "'*' is not expected"),
        ("orders // 2 > 1", 8, "'/' is not expected"),
        ("(x > 1", 0, "a bracket is not closed"),
        ("x > 1)", 5, "')' is not expected"),
        ("x > 1e999", 4, "too large"),
        ("x > 1e-999999999", 4, "is not a number"),
        ("x > 0e999999999", 4, "is not a number"),
        ("3x > 1", 0, "'3x' is not a number"),
        ("x > 1_000", 4, "is not a number"),
        ("", 0, "ends too early"),
        ("x >", 3, "ends too early"),
        ("not x", 0, "'not' needs conditions"),
        ("(x > 1) + 1 > 2", 8, "needs numbers"),
        ("x > 'a'", 4, "has no meaning"),
        ("x > 1 if y else 2", 6, "'if' is not expected"),
        ("[x] > 1", 0, "has no meaning"),
        ("(" * 100 + "x", 40, "more than 40 deep"),
        ("not " * 100 + "x > 1", 160, "more than 40 deep"),
        ("+".join(["x"] * 100) + " > 1", 81, "more than 40 deep"),
        ("x > 1 and " * 1000, 0, "more than 4000 characters"),
    ],
)
def test_anything_else_is_refused_with_its_place(text: str, offset: int, reason: str) -> None:
    with pytest.raises(ExpressionError) as refused:
        parse(text)
    assert reason in refused.value.reason
    assert refused.value.offset == offset


def test_many_alternatives_are_fine() -> None:
    assert len(names(parse(" or ".join(["x > 1"] * 400)))) == 400

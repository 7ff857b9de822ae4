"""How does a condition become fast code? Its tree is written out as Python source, as truth and as turn.

Only this module's own words, slot numbers and numbers that were parsed reach that source; no text of a file
does. Names mean: ``t`` now, ``v`` the feature vector, ``since`` when the present stage began, ``cycle``,
``risk`` and ``chance`` (the scores). An age slot of the vector holds the instant it counts from, so one
vector is right at every later instant.
"""

import operator
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Final

from scorers import crossing
from scorers.crossing import DAY, FAR, Origin
from scorers.expressions import (
    Arithmetic,
    Comparison,
    Condition,
    Every,
    Name,
    Negative,
    Not,
    Number,
    Some,
    Value,
    names,
)
from scorers.intervals import Enclosure, OriginOf, Span, outcome_of

CONTEXT: Final = {
    "days_in_stage": "since",
    "cycle": "cycle",
    "churn_risk": "risk",
    "next_stage_probability": "chance",
}
"""Names that the standing and the scores answer, and where; the profile knows nothing of them."""

SCORES: Final = frozenset({"churn_risk", "next_stage_probability"})
ARGUMENTS: Final = "t, v, since, cycle, risk, chance"
_EXACTLY: Final = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv}
_ORDERED: Final = frozenset({"<", "<=", ">", ">="})
_MIRRORED: Final = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}


@dataclass(slots=True)
class Scope:
    """What the names of one lifecycle stand for, and the parts that its code refers to.

    Args:
        slots: Position of each profile feature in the vector.
        ages: Which names are ages.
    """

    slots: dict[str, int]
    ages: frozenset[str]
    parts: dict[str, Any] = field(default_factory=dict)

    def place(self, name: str) -> str:
        """Where the number, or the origin of the age, is found."""
        return CONTEXT.get(name) or f"v[{self.slots[name]}]"

    def moves(self, tree: Condition | Value) -> bool:
        """Whether time alone can change it. Two ages grow alike, so which one is larger stays."""
        match tree:
            case Comparison(_, Name(one), Name(other)) if one in self.ages and other in self.ages:
                return False
            case Not(operand):
                return self.moves(operand)
            case Every(operands) | Some(operands):
                return any(self.moves(operand) for operand in operands)
            case _:
                return any(name.name in self.ages for name in names(tree))


def truth(tree: Condition, scope: Scope) -> str:
    """Source of an expression that is the condition's truth at ``t``."""
    match tree:
        case Not(operand):
            return f"(not {truth(operand, scope)})"
        case Every(operands):
            return f"({' and '.join(truth(operand, scope) for operand in operands)})"
        case Some(operands):
            return f"({' or '.join(truth(operand, scope) for operand in operands)})"
        case Comparison():
            return _comparison_truth(tree, scope)


def turn(tree: Condition, scope: Scope) -> str:
    """Source of an expression that is the condition's turn (see `scorers.crossing`) at ``t``."""
    if not scope.moves(tree):
        return f"({FAR} if {truth(tree, scope)} else {-FAR})"
    match tree:
        case Not(operand):
            return f"(-{turn(operand, scope)})"
        case Every(operands):
            still = [truth(operand, scope) for operand in operands if not scope.moves(operand)]
            moving = lowest(turn(operand, scope) for operand in operands if scope.moves(operand))
            return f"({moving} if {' and '.join(still)} else {-FAR})" if still else moving
        case Some(operands):
            still = [truth(operand, scope) for operand in operands if not scope.moves(operand)]
            moving = highest(turn(operand, scope) for operand in operands if scope.moves(operand))
            return f"({FAR} if {' or '.join(still)} else {moving})" if still else moving
        case Comparison():
            return _comparison_turn(tree, scope)


def lowest(turns: Iterable[str]) -> str:
    """``and`` of turns."""
    sources = list(turns)
    return f"min({', '.join(sources)})" if len(sources) > 1 else sources[0]


def highest(turns: Iterable[str]) -> str:
    """``or`` of turns."""
    sources = list(turns)
    return f"max({', '.join(sources)})" if len(sources) > 1 else sources[0]


def define(name: str, body: str, parts: dict[str, Any]) -> Callable[..., Any]:
    """Compile one function of `ARGUMENTS` from source that this module wrote."""
    space: dict[str, Any] = {
        "divide": crossing.divide,
        "in_micros": crossing.in_micros,
        "differs": crossing.differs,
        "reaches": crossing.reaches,
        "stays_below": crossing.stays_below,
        "meets": crossing.meets,
        "turns": crossing.turns,
        "search": crossing.search,
        **parts,
    }
    code = compile(f"def {name}({ARGUMENTS}):\n{body}", f"<{name}>", "exec", dont_inherit=True)
    exec(code, space)  # noqa: S102 - the source comes from a checked tree, never from a file
    function: Callable[..., Any] = space[name]
    return function


def _number(tree: Value, scope: Scope) -> str:
    match tree:
        case Number(text):
            return repr(float(text))
        case Name(name):
            place = scope.place(name)
            return f"((t - {place}) / {DAY})" if name in scope.ages else place
        case Negative(operand):
            return f"(-{_number(operand, scope)})"
        case Arithmetic("/", left, right):
            return f"divide({_number(left, scope)}, {_number(right, scope)})"
        case Arithmetic(sign, left, right):
            return f"({_number(left, scope)} {sign} {_number(right, scope)})"


def _constant(tree: Value) -> Fraction | None:
    """The exact value of an expression over literals: thresholds in days are exact in microseconds."""
    match tree:
        case Number(text):
            return Fraction(text)
        case Negative(operand):
            inner = _constant(operand)
            return None if inner is None else -inner
        case Arithmetic(sign, left, right):
            first, second = _constant(left), _constant(right)
            if first is None or second is None or (sign == "/" and not second):
                return None
            exact: Fraction = _EXACTLY[sign](first, second)
            return exact
        case Name():
            return None


def _age_first(tree: Comparison, scope: Scope) -> Comparison | None:
    """The comparison as ``age sign something that stands still``, if it is one."""
    mirrored = Comparison(_MIRRORED[tree.sign], tree.right, tree.left)
    for form in (tree, mirrored):
        if isinstance(form.left, Name) and form.left.name in scope.ages and not scope.moves(form.right):
            return form
    return None


def _threshold(form: Comparison) -> tuple[str, int] | None:
    """An age against a literal, in µs, reduced to ``>=``, ``<``, ``==``, ``!=``; None without a literal.

    Whole microseconds only pass a threshold at its next whole one, so every order comparison is one of two.
    """
    days = _constant(form.right)
    if days is None:
        return None
    micros = days * DAY
    floor, is_whole = micros.numerator // micros.denominator, micros.denominator == 1
    ceiling = floor if is_whole else floor + 1
    match form.sign:
        case ">":
            return ">=", floor + 1
        case ">=":
            return ">=", ceiling
        case "<":
            return "<", ceiling
        case "<=":
            return "<", floor + 1
        case sign:
            return sign, floor if is_whole else -1  # no age is ever a fraction of a microsecond, nor -1


def _comparison_truth(tree: Comparison, scope: Scope) -> str:
    match tree:
        case Comparison(sign, Name(one), Name(other)) if one in scope.ages and other in scope.ages:
            return f"({scope.place(other)} {sign} {scope.place(one)})"  # older is larger
    form = _age_first(tree, scope)
    limit = _threshold(form) if form else None
    if form and limit and isinstance(form.left, Name):
        return f"(t - {scope.place(form.left.name)} {limit[0]} {limit[1]})"
    if form and form.sign in _ORDERED and isinstance(form.left, Name):
        return f"(t - {scope.place(form.left.name)} {form.sign} in_micros({_number(form.right, scope)}))"
    left, right = _number(tree.left, scope), _number(tree.right, scope)
    return f"differs({left}, {right})" if tree.sign == "!=" else f"({left} {tree.sign} {right})"


def _comparison_turn(tree: Comparison, scope: Scope) -> str:
    form = _age_first(tree, scope)
    if form and isinstance(form.left, Name):
        place, limit = scope.place(form.left.name), _threshold(form)
        if limit:
            return _age_turn(place, *limit)
        if form.sign in {">", ">="}:
            return f"reaches(t, {place}, {_number(form.right, scope)}, beyond={form.sign == '>'})"
        if form.sign in {"<", "<="}:
            return f"stays_below(t, {place}, {_number(form.right, scope)}, within={form.sign == '<='})"
    key = f"holds_{len(scope.parts)}"
    scope.parts[key] = define(key, f" return {_comparison_truth(tree, scope)}", {})
    if tree.sign in _ORDERED and _changes_once(tree, scope):
        return f"turns({key}, {ARGUMENTS})"
    within = f"outcome_{len(scope.parts)}"
    scope.parts[within] = outcome_of(tree, _enclosures(tree, scope), _origins(tree, scope))
    return f"search({key}, {within}, {ARGUMENTS})"


def _age_turn(place: str, sign: str, micros: int) -> str:
    match sign:
        case ">=":
            return f"({FAR} if t - {place} >= {micros} else -({place} + {micros}))"
        case "<":
            return f"({-FAR} if t - {place} >= {micros} else {place} + {micros})"
        case "==":
            return f"meets(t, {place}, {micros})"
        case _:
            return f"(-meets(t, {place}, {micros}))"


def _changes_once(tree: Comparison, scope: Scope) -> bool:
    """Whether one age alone moves the comparison, through operations that keep its direction.

    Each of them is monotone in floating point as well, so the truth changes at most once after now.
    """
    if sum(name.name in scope.ages for name in names(tree)) != 1:
        return False
    return _keeps_direction(tree.left if scope.moves(tree.left) else tree.right, scope)


def _keeps_direction(tree: Value, scope: Scope) -> bool:
    match tree:
        case Name():
            return True
        case Negative(operand):
            return _keeps_direction(operand, scope)
        case Arithmetic("/", _, right) if scope.moves(right):
            return isinstance(right, Name)  # otherwise the divisor may pass zero
        case Arithmetic(_, left, right):
            return _keeps_direction(left if scope.moves(left) else right, scope)
        case _:
            return False


def _origins(tree: Comparison, scope: Scope) -> dict[str, OriginOf]:
    return {name.name: _origin(name.name, scope) for name in names(tree) if name.name in scope.ages}


def _origin(name: str, scope: Scope) -> OriginOf:
    if name in CONTEXT:
        return lambda _v, since: since
    slot = scope.slots[name]

    def origin(v: crossing.Vector, _since: int) -> Origin:
        return v[slot]

    return origin


def _enclosures(tree: Comparison, scope: Scope) -> dict[str, Enclosure]:
    return {name.name: _still(name.name, scope) for name in names(tree) if name.name not in scope.ages}


def _still(name: str, scope: Scope) -> Enclosure:
    slot = scope.slots.get(name, -1)

    def enclose(
        _low: int, _high: int, v: crossing.Vector, _since: int, cycle: int, risk: float, chance: float
    ) -> Span:
        match name:
            case "cycle":
                value: float = cycle
            case "churn_risk":
                value = risk
            case "next_stage_probability":
                value = chance
            case _:
                value = v[slot]
        return value, value

    return enclose

"""What does a condition say? Text becomes a small checked tree, or an error with its place.

The grammar is closed on purpose: a lifecycle file may come from a stranger, so it can compare numbers and
nothing else.

    condition  = and ("or" and)*            arithmetic = product (("+" | "-") product)*
    and        = not ("and" not)*           product    = signed (("*" | "/") signed)*
    not        = "not" not | comparison     signed     = "-" signed | number | name | "(" arithmetic ")"
    comparison = arithmetic ("<" | "<=" | ">" | ">=" | "==" | "!=") arithmetic | "(" condition ")"
"""

import re
from dataclasses import dataclass, field
from typing import Final, TypeAlias

_MOST_CHARACTERS: Final = 4_000
_DEEPEST: Final = 40  # far below what the interpreter's own parser takes when the tree is compiled

_TOKENS: Final = re.compile(
    r"\s*(?:(?P<number>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?)(?![A-Za-z0-9_.])"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<sign><=|>=|==|!=|[<>()+\-*/]))",
    re.ASCII,
)
_WORDS: Final = frozenset({"and", "or", "not"})
_COMPARISONS: Final = frozenset({"<", "<=", ">", ">=", "==", "!="})


class ExpressionError(ValueError):
    """A condition does not follow the grammar; *offset* is the place in its text.

    Operator action: correct the condition at the file and line that the message names.
    """

    def __init__(self, reason: str, offset: int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.offset = offset


@dataclass(frozen=True, slots=True)
class Number:
    """A literal, kept as written so that thresholds in days convert to microseconds exactly."""

    text: str


@dataclass(frozen=True, slots=True)
class Name:
    """A feature, by the name of the catalogue."""

    name: str
    offset: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Negative:
    """Minus a number."""

    operand: "Value"


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """Two numbers joined by ``+ - * /``."""

    sign: str
    left: "Value"
    right: "Value"


@dataclass(frozen=True, slots=True)
class Comparison:
    """The only way from numbers to truth."""

    sign: str
    left: "Value"
    right: "Value"


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite of a condition."""

    operand: "Condition"


@dataclass(frozen=True, slots=True)
class Every:
    """Conditions joined by ``and``."""

    operands: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class Some:
    """Conditions joined by ``or``."""

    operands: tuple["Condition", ...]


Value: TypeAlias = Number | Name | Negative | Arithmetic
Condition: TypeAlias = Comparison | Not | Every | Some


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    offset: int


def parse(text: str) -> Condition:
    """Read one condition.

    Args:
        text: The condition as the file writes it; line breaks are spaces.

    Returns:
        The tree. Names are not resolved here; that needs a catalogue.

    Raises:
        ExpressionError: If anything but the grammar stands there.

    Examples:
        >>> write(parse("orders >= 3 and not days_since_last_order > 90"))
        'and(>=(orders,3.0),not(>(days_since_last_order,90.0)))'
        >>> parse("orders.__class__")
        Traceback (most recent call last):
        ...
        scorers.expressions.ExpressionError: '.' has no meaning here
    """
    if len(text) > _MOST_CHARACTERS:
        raise ExpressionError(f"the condition has more than {_MOST_CHARACTERS} characters", 0)
    reader = _Reader(_tokens(text), len(text))
    tree = reader.some(0)
    left_over = reader.peek()
    if left_over.kind != "end":
        raise ExpressionError(_unexpected(left_over), left_over.offset)
    if not isinstance(tree, Comparison | Not | Every | Some):
        raise ExpressionError("a number is not a condition: compare it with something", 0)
    return tree


def names(tree: Condition | Value) -> list[Name]:
    """Every feature name in the tree, in the order of the text, repeats included."""
    match tree:
        case Name():
            return [tree]
        case Number():
            return []
        case Negative(operand) | Not(operand):
            return names(operand)
        case Arithmetic(_, left, right) | Comparison(_, left, right):
            return names(left) + names(right)
        case Every(operands) | Some(operands):
            return [name for operand in operands for name in names(operand)]


def write(tree: Condition | Value) -> str:  # noqa: PLR0911 - one per kind of node
    """One spelling for every way to write the same tree: spaces, brackets, ``1.0`` do not matter."""
    match tree:
        case Name(name):
            return name
        case Number(text):
            return repr(float(text))
        case Negative(operand):
            return f"-({write(operand)})"
        case Not(operand):
            return f"not({write(operand)})"
        case Arithmetic(sign, left, right) | Comparison(sign, left, right):
            return f"{sign}({write(left)},{write(right)})"
        case Every(operands):
            return f"and({','.join(map(write, operands))})"
        case Some(operands):
            return f"or({','.join(map(write, operands))})"


def _tokens(text: str) -> list[_Token]:
    tokens: list[_Token] = []
    offset = 0
    while text[offset:].strip():
        found = _TOKENS.match(text, offset)
        if found is None or found.lastgroup is None:
            offset += len(text[offset:]) - len(text[offset:].lstrip())
            raise ExpressionError(_meaningless(text[offset:]), offset)
        word, start = found[found.lastgroup], found.start(found.lastgroup)
        if found.lastgroup == "number" and float(word) == float("inf"):
            raise ExpressionError(f"{word} is too large a number", start)
        kind = word if word in _WORDS or found.lastgroup == "sign" else found.lastgroup
        tokens.append(_Token(kind, word, start))
        offset = found.end()
    return tokens


def _meaningless(rest: str) -> str:
    advice = {
        "=": ": write == to compare",
        "&": ": write and",
        "|": ": write or",
        "!": ": write not",
        "%": ": the signs are + - * /",
    }
    if rest[0].isdigit():
        return f"{re.split(r'[^0-9A-Za-z_.]', rest, maxsplit=1)[0]!r} is not a number"
    return f"{rest[0]!r} has no meaning here{advice.get(rest[0], '')}"


def _unexpected(token: _Token) -> str:
    if token.kind == "end":
        return "the condition ends too early"
    if token.kind in _COMPARISONS:
        return f"{token.text!r} is not expected here: a comparison has two sides, and 'and' joins comparisons"
    return f"{token.text!r} is not expected here"


class _Reader:
    """Recursive descent over the tokens; every level returns a tree or raises with the place."""

    def __init__(self, tokens: list[_Token], end: int) -> None:
        self._tokens = tokens
        self._end = _Token("end", "", end)
        self._position = 0

    def peek(self) -> _Token:
        return self._tokens[self._position] if self._position < len(self._tokens) else self._end

    def some(self, depth: int) -> Condition | Value:
        first = self.every(depth)
        operands = [first]
        while self.peek().kind == "or":
            token = self._take()
            operands += [self.every(depth)]
            self._must_be_conditions(operands, token)
        return Some(tuple(_conditions(operands))) if len(operands) > 1 else first

    def every(self, depth: int) -> Condition | Value:
        first = self._negation(depth)
        operands = [first]
        while self.peek().kind == "and":
            token = self._take()
            operands += [self._negation(depth)]
            self._must_be_conditions(operands, token)
        return Every(tuple(_conditions(operands))) if len(operands) > 1 else first

    def _negation(self, depth: int) -> Condition | Value:
        if self.peek().kind != "not":
            return self._comparison(depth)
        token = self._take()
        operand = self._negation(self._deeper(depth, token))
        self._must_be_conditions([operand], token)
        return Not(_conditions([operand])[0])

    def _comparison(self, depth: int) -> Condition | Value:
        left = self._sum(depth)
        token = self.peek()
        if token.kind not in _COMPARISONS or not isinstance(left, Number | Name | Negative | Arithmetic):
            return left
        self._take()
        compared = Comparison(token.kind, left, self._number(self._sum(depth), token))
        if self.peek().kind in _COMPARISONS:
            raise ExpressionError("comparisons do not chain: write a < b and b < c", self.peek().offset)
        return compared

    def _sum(self, depth: int) -> Condition | Value:
        left = self._product(depth)
        while self.peek().kind in {"+", "-"}:
            token = self._take()
            depth = self._deeper(depth, token)
            right = self._number(self._product(depth), token)
            left = Arithmetic(token.kind, self._number(left, token), right)
        return left

    def _product(self, depth: int) -> Condition | Value:
        left = self._signed(depth)
        while self.peek().kind in {"*", "/"}:
            token = self._take()
            depth = self._deeper(depth, token)
            right = self._number(self._signed(depth), token)
            left = Arithmetic(token.kind, self._number(left, token), right)
        return left

    def _signed(self, depth: int) -> Condition | Value:
        token = self._take()
        match token.kind:
            case "number":
                return Number(token.text)
            case "name":
                return Name(token.text, token.offset)
            case "-":
                return Negative(self._number(self._signed(self._deeper(depth, token)), token))
            case "(":
                inner = self.some(self._deeper(depth, token))
                if self.peek().kind != ")":
                    raise ExpressionError("a bracket is not closed", token.offset)
                self._take()
                return inner
            case _:
                raise ExpressionError(_unexpected(token), token.offset)

    def _take(self) -> _Token:
        token = self.peek()
        self._position += 1
        return token

    @staticmethod
    def _deeper(depth: int, token: _Token) -> int:
        if depth >= _DEEPEST:
            raise ExpressionError(f"nested or chained more than {_DEEPEST} deep", token.offset)
        return depth + 1

    @staticmethod
    def _number(tree: Condition | Value, token: _Token) -> Value:
        if isinstance(tree, Number | Name | Negative | Arithmetic):
            return tree
        raise ExpressionError(f"{token.text!r} needs numbers, and a condition stands there", token.offset)

    @staticmethod
    def _must_be_conditions(operands: list[Condition | Value], token: _Token) -> None:
        if len(_conditions(operands)) < len(operands):
            raise ExpressionError(
                f"{token.text!r} needs conditions, and a number stands there: compare it with something",
                token.offset,
            )


def _conditions(operands: list[Condition | Value]) -> list[Condition]:
    return [operand for operand in operands if isinstance(operand, Comparison | Not | Every | Some)]

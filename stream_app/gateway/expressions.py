"""JMESPath, and the few functions that payloads of other systems need besides.

========================  =====================================================================================
``seconds(n)``            seconds since 1970 as RFC 3339
``minor(n, currency)``    an amount in the smallest unit of its currency, as Stripe counts: ``minor(2750, 'usd')`` is 27.5
``micros(n)``             millionths, as advertising systems count money
``decimal(text)``         a number that was sent as text
``minus(a, b)``           a - b; a missing b is 0
``elapsed(a, b)``         the seconds from one instant to another
``lower(text)``           in lower case
``parse(text)``           JSON inside a text
========================  =====================================================================================

Each gives null for null, so that a missing field stays missing.

References:
    docs.stripe.com/currencies: zero-decimal and three-decimal currencies, and the special cases ISK and UGX.
"""

from typing import Any, Final

import jmespath
import orjson
from jmespath import functions
from jmespath.exceptions import JMESPathError

from state import format_instant, parse_instant

WITHOUT_MINOR: Final = frozenset({
    "bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf",
})  # fmt: skip
"""Currencies whose amounts are whole units. Stripe counts hundredths of UGX and ISK, too, though they have none any more."""

THOUSANDTHS: Final = frozenset({"bhd", "jod", "kwd", "omr", "tnd"})
"""Currencies whose smallest unit is a thousandth."""


class _Functions(functions.Functions):
    @functions.signature({"types": ["number", "string", "null"]})
    def _func_seconds(self, value: Any) -> str | None:
        number = _number(value)
        return None if number is None else format_instant(round(number * 1e6))

    @functions.signature({"types": ["number", "null"]}, {"types": ["string", "null"]})
    def _func_minor(self, value: float | None, currency: str | None) -> float | None:
        if value is None:
            return None
        code = (currency or "").lower()
        if code in WITHOUT_MINOR:
            return value
        return value / (1000 if code in THOUSANDTHS else 100)

    @functions.signature({"types": ["number", "string", "null"]})
    def _func_micros(self, value: Any) -> float | None:
        number = _number(value)
        return None if number is None else number / 1e6

    @functions.signature({"types": ["number", "string", "null"]})
    def _func_decimal(self, value: Any) -> float | None:
        return _number(value)

    @functions.signature({"types": ["number", "null"]}, {"types": ["number", "null"]})
    def _func_minus(self, value: float | None, other: float | None) -> float | None:
        return None if value is None else value - (other or 0)

    @functions.signature({"types": ["string", "number", "null"]}, {"types": ["string", "number", "null"]})
    def _func_elapsed(self, begin: Any, end: Any) -> float | None:
        try:
            return None if begin is None or end is None else (parse_instant(end) - parse_instant(begin)) / 1e6
        except (ValueError, OverflowError):
            return None

    @functions.signature({"types": ["string", "null"]})
    def _func_lower(self, value: str | None) -> str | None:
        return None if value is None else value.lower()

    @functions.signature({"types": ["string", "null"]})
    def _func_parse(self, value: str | None) -> Any:
        try:
            return None if value is None else orjson.loads(value)
        except orjson.JSONDecodeError:
            return None


_OPTIONS: Final = jmespath.Options(custom_functions=_Functions())


class Expression:
    """One compiled expression.

    Args:
        text: JMESPath.

    Raises:
        ValueError: If it is none.

    Examples:
        >>> Expression("minor(amount, currency)").of({"amount": 2750, "currency": "usd"})
        27.5
        >>> Expression("seconds(t)").of({"t": 1700000000})
        '2023-11-14T22:13:20Z'
    """

    __slots__ = ("_compiled", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        try:
            self._compiled = jmespath.compile(text)
        except JMESPathError as error:
            raise ValueError(f"{text!r} is no JMESPath: {' '.join(str(error).split())}") from None

    def of(self, document: Any) -> Any:
        """Its value for a document.

        Raises:
            ValueError: If the document does not fit it.
        """
        try:
            return self._compiled.search(document, options=_OPTIONS)
        except (JMESPathError, RecursionError, OverflowError, ArithmeticError) as error:
            raise ValueError(f"{self.text!r}: {' '.join(str(error).split())[:300]}") from None


def _number(value: Any) -> float | None:
    if value is None or value == "":
        return None
    try:
        return float(value)
    except ValueError:
        return None

"""How much money does an event speak of: exact micro-units from whatever number or text a shop sends."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from state.rejection import Rejected

MICRO: Final = 1_000_000
"""Micro-units in one unit of the base currency: integer sums commute exactly, sums of floats do not."""


_NUMBERS: Final = (float, int)
_ABSURD: Final = 1e300  # JSON holds integers that no float can; they are refused like infinity


class _Product(msgspec.Struct, gc=False):
    price: Any = None
    quantity: Any = None


_PRODUCTS: Final = msgspec.json.Decoder(list[_Product])


def amount_of(
    revenue: Any,
    total: Any,
    value: Any,
    products: msgspec.Raw,
    currency: Any,
    rates: Mapping[str, float],
    largest: float,
) -> int:
    """The amount of an event in micro-units of the base currency.

    It is the first of revenue, total and value that is there, else the sum over the products.

    Args:
        revenue: ``properties.revenue``: a number or numeric text; None or empty text is absent.
        total: ``properties.total``.
        value: ``properties.value``.
        products: Raw JSON of ``properties.products``, read only if none of the three is there.
        currency: ``properties.currency``; absent means the base currency.
        rates: Worth of one unit of each currency; empty takes every amount at face value.
        largest: Largest amount accepted, in units of the base currency.

    Raises:
        Rejected: ``bad_amount`` for what is not a finite, non-negative number up to *largest*.

    Examples:
        >>> amount_of(None, "27.50", 3, msgspec.Raw(), None, {}, 1e12)
        27500000
        >>> products = msgspec.Raw(b'[{"price": 19, "quantity": 2}]')
        >>> amount_of(None, None, None, products, "EUR", {"EUR": 1.1}, 1e12)
        41800000
    """
    if revenue is not None and revenue != "":
        number = _number(revenue, "properties.revenue")
    elif total is not None and total != "":
        number = _number(total, "properties.total")
    elif value is not None and value != "":
        number = _number(value, "properties.value")
    else:
        number = _sum_of(products) if bytes(products) not in (b"", b"null") else 0
    if rates and currency:
        number *= _rate(currency, rates)
    if number > largest:
        raise Rejected(
            "bad_amount", f"The amount {number:g} is above {largest:g}, the largest accepted; check its unit."
        )
    return number * MICRO if isinstance(number, int) else round(number * MICRO)


def _number(given: Any, where: str) -> float:
    number: float = given
    if isinstance(given, str):
        try:
            number = float(given)
        except ValueError:
            raise Rejected("bad_amount", f"{where} is {given[:40]!r}; send a number such as 12.50.") from None
    elif type(given) not in _NUMBERS:
        raise Rejected(
            "bad_amount", f"{where} is of type {type(given).__name__}; send a number such as 12.50."
        )
    if not 0 <= number < _ABSURD:
        raise Rejected(
            "bad_amount",
            f"{where} is {str(given)[:40]}; send a finite number that is not negative (money given back is "
            "an Order Refunded event with a positive amount).",
        )
    return number


def _sum_of(products: msgspec.Raw) -> float:
    try:
        lines = _PRODUCTS.decode(products)
    except msgspec.DecodeError as error:
        raise Rejected(
            "bad_amount", f"properties.products has no prices: {error}; send a list of objects."
        ) from None
    amount: float = 0
    for position, line in enumerate(lines):
        if line.price is not None and line.price != "":
            where = f"properties.products[{position}]"
            quantity = 1 if line.quantity is None else _number(line.quantity, f"{where}.quantity")
            amount += float(_number(line.price, f"{where}.price")) * quantity
    return _number(amount, "the sum of properties.products")


def _rate(currency: Any, rates: Mapping[str, float]) -> float:
    rate = rates.get(str(currency).upper())
    if rate is None:
        raise Rejected(
            "bad_amount",
            f"properties.currency is {str(currency)[:40]!r}, which [rates] of the measures file lacks; "
            "add it there.",
        )
    return rate

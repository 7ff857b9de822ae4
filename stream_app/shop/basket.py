"""What is in the cart, and what does it cost somebody with this perk?"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from stream_app.shop.catalogue import PRODUCTS, Product
from stream_app.shop.welcomes import Perk

DELIVERY: Final = 490
"""Cents for a parcel."""
FREE_FROM: Final = 5000
"""Cents from which a parcel costs nothing."""
MOST: Final = 9
"""Of one product in one cart."""


class Line(NamedTuple):
    """Some of one product."""

    product: Product
    quantity: int

    @property
    def cents(self) -> int:
        """What they cost together."""
        return self.product.cents * self.quantity


class Basket(NamedTuple):
    """A cart with its prices, in cents.

    Attributes:
        lines: What is in it.
        perk: What the visitor's stage gives.
    """

    lines: tuple[Line, ...]
    perk: Perk | None

    @property
    def pieces(self) -> int:
        """Things in it."""
        return sum(line.quantity for line in self.lines)

    @property
    def goods(self) -> int:
        """All lines."""
        return sum(line.cents for line in self.lines)

    @property
    def discount(self) -> int:
        """What the perk takes off, rounded down."""
        return 0 if self.perk is None else self.goods * self.perk.percent // 100

    @property
    def delivery(self) -> int:
        """The parcel."""
        free = (
            not self.lines or self.goods >= FREE_FROM or (self.perk is not None and self.perk.free_delivery)
        )
        return 0 if free else DELIVERY

    @property
    def total(self) -> int:
        """What is to be paid."""
        return self.goods - self.discount + self.delivery


def basket_of(cart: Mapping[str, int], perk: Perk | None = None) -> Basket:
    """The cart that a visitor's session holds; what is not sold any more is left out.

    Examples:
        >>> basket = basket_of({"sencha": 2, "gone": 1}, Perk("half", percent=50))
        >>> basket.pieces, basket.goods, basket.discount, basket.delivery, basket.total
        (2, 2580, 1290, 490, 1780)
    """
    lines = [
        Line(PRODUCTS[name], min(int(number), MOST)) for name, number in cart.items() if name in PRODUCTS
    ]
    return Basket(tuple(line for line in lines if line.quantity > 0), perk)

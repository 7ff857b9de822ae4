"""What the pages report, as the e-commerce part of the Segment spec spells it.

A page carries its reports as data, and the SDK in the browser sends them.

References:
    Segment spec, E-Commerce Events v2.
"""

from typing import Any, NamedTuple

from stream_app.shop.basket import Basket
from stream_app.shop.catalogue import CURRENCY, Product


class Report(NamedTuple):
    """One call of ``analytics.track``."""

    event: str
    properties: dict[str, Any]


def product_viewed(product: Product) -> Report:
    """Somebody looks at a product."""
    return Report("Product Viewed", {**_facts(product), "currency": CURRENCY})


def product_added(product: Product, quantity: int) -> Report:
    """Something goes into the cart."""
    return Report("Product Added", {**_facts(product), "quantity": quantity})


def product_removed(product: Product, quantity: int) -> Report:
    """Something comes out of the cart."""
    return Report("Product Removed", {**_facts(product), "quantity": quantity})


def cart_viewed(basket: Basket) -> Report:
    """Somebody looks into the cart."""
    return Report("Cart Viewed", {"products": _lines(basket)})


def checkout_started(basket: Basket) -> Report:
    """Somebody is about to buy."""
    return Report(
        "Checkout Started", {"value": basket.total / 100, "currency": CURRENCY, "products": _lines(basket)}
    )


def order_completed(order: str, basket: Basket) -> Report:
    """Somebody has bought; revenue is without delivery, as the spec says.

    Examples:
        >>> from stream_app.shop.basket import basket_of
        >>> report = order_completed("K1", basket_of({"assam": 1}))
        >>> report.properties["revenue"], report.properties["total"]
        (10.9, 15.8)
    """
    money = {
        "revenue": (basket.goods - basket.discount) / 100,
        "shipping": basket.delivery / 100,
        "discount": basket.discount / 100,
        "total": basket.total / 100,
    }
    return Report(
        "Order Completed", {"order_id": order, **money, "currency": CURRENCY, "products": _lines(basket)}
    )


def newsletter_subscribed() -> Report:
    """Somebody left an address."""
    return Report("Newsletter Subscribed", {"list_name": "letters from the gardens"})


def signed_in() -> Report:
    """Somebody has said who they are."""
    return Report("Signed In", {})


def _facts(product: Product) -> dict[str, Any]:
    return {
        "product_id": product.id,
        "name": product.name,
        "category": product.category,
        "price": product.cents / 100,
    }


def _lines(basket: Basket) -> list[dict[str, Any]]:
    return [{**_facts(line.product), "quantity": line.quantity} for line in basket.lines]

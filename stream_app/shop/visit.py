"""Who is looking at a page, what have they put into the cart, and what is still to be reported about them?

The shop keeps nothing: everything lives in a signed cookie of the visitor's, and the SDK's cookie says which browser
it is.
"""

from typing import Any, Final
from urllib.parse import unquote

from starlette.requests import Request

from stream_app.shop.basket import MOST, Basket, basket_of
from stream_app.shop.people import BY_EMAIL, Customer
from stream_app.shop.reports import Report
from stream_app.shop.welcomes import Perk

ANONYMOUS: Final = "ajs_anonymous_id"
"""The cookie in which the SDK keeps a browser's id."""
_LONGEST_ID: Final = 200
_MOST_SEEN: Final = 4
_MOST_REPORTS: Final = 8


class Visit:
    """One request's visitor.

    Args:
        request: With the session of the visitor.
    """

    def __init__(self, request: Request) -> None:
        self._session: dict[str, Any] = request.session
        cookie = unquote(request.cookies.get(ANONYMOUS, "")).strip('"')
        self._browser = cookie if 0 < len(cookie) <= _LONGEST_ID else None

    @property
    def customer(self) -> Customer | None:
        """Who is logged in."""
        kept = self._session.get("customer")
        return None if kept is None else Customer(*kept)

    @property
    def known_as(self) -> str | None:
        """Under which id Redis may know the visitor: the customer's, else the browser's."""
        customer = self.customer
        return self._browser if customer is None else customer.id

    @property
    def seen(self) -> list[str]:
        """Ids of products, the last one first."""
        return list(self._session.get("seen", ()))

    @property
    def order(self) -> dict[str, Any] | None:
        """The last order of this browser: ``id``, ``cart``, ``perk`` and ``email``."""
        return self._session.get("order")

    def basket(self, perk: Perk | None = None) -> Basket:
        """The cart with the prices of *perk*."""
        return basket_of(self._session.get("cart", {}), perk)

    def log_in(self, customer: Customer) -> None:
        """Note who it is; a prepared customer's cart comes along."""
        self._session["customer"] = list(customer)
        person = BY_EMAIL.get(customer.email)
        if person is not None and not self._session.get("cart"):
            self._session["cart"] = dict(person.cart)

    def log_out(self) -> None:
        """Forget who it was, and what they did."""
        self._session.clear()

    def look_at(self, product: str) -> None:
        """Note that a product was looked at."""
        if self.seen[:1] != [product]:
            earlier = (each for each in self.seen if each != product)
            self._session["seen"] = [product, *earlier][:_MOST_SEEN]

    def put(self, product: str, quantity: int) -> int:
        """Have so many of a product in the cart, at most `MOST`; 0 takes it out.

        Returns:
            How many more there are than before.
        """
        cart: dict[str, int] = dict(self._session.get("cart", {}))
        before = cart.pop(product, 0)
        now = max(0, min(quantity, MOST))
        if now:
            cart[product] = now
        self._session["cart"] = cart
        return now - before

    def count_of(self, product: str) -> int:
        """How many of a product are in the cart."""
        return int(self._session.get("cart", {}).get(product, 0))

    def buy(self, order: str, email: str, perk: Perk | None) -> None:
        """Turn the cart into an order."""
        cart = self._session.get("cart", {})
        self._session["order"] = {"id": order, "cart": cart, "perk": perk and list(perk), "email": email}
        self._session["cart"] = {}

    def tell(self, report: Report, traits: dict[str, str] | None = None) -> None:
        """Have the next page report something that this request has done."""
        waiting = [*self._session.get("reports", ()), [*report]]
        self._session["reports"] = waiting[-_MOST_REPORTS:]
        if traits:
            self._session["traits"] = traits

    def told(self) -> tuple[list[Report], dict[str, str]]:
        """What the page that is made now has to report, and what became known of the visitor; told once."""
        traits = self._session.pop("traits", {})
        return [Report(*each) for each in self._session.pop("reports", ())], traits

"""Which page is answered by what: every page is made for the stage that Redis gives for its visitor."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.templating import Jinja2Templates

from stream_app.reader import AsyncStageReader, StageProfile
from stream_app.shop import reports
from stream_app.shop.basket import FREE_FROM, MOST, basket_of
from stream_app.shop.catalogue import PRODUCTS, Product, money
from stream_app.shop.people import PEOPLE, customer_of
from stream_app.shop.reports import Report
from stream_app.shop.visit import Visit
from stream_app.shop.welcomes import WELCOMES, Perk, Welcome, welcome_of

_HERE: Final = Path(__file__).parent
_LOOK_S: Final = 0.1
_STREAM_S: Final = 300.0
_LONGEST_TEXT: Final = 200


class Shop:
    """The storefront as an ASGI application.

    Args:
        reader: Gives a visitor's stage.
        gateway: Where the SDK sends, ``http://host:port``.
        write_key: The key that the SDK sends with; everybody who opens the page can read it.
    """

    def __init__(self, reader: AsyncStageReader, gateway: str, write_key: str) -> None:
        self._reader = reader
        self._gateway = urlsplit(gateway)
        self._write_key = write_key
        self._templates = Jinja2Templates(_HERE / "templates")
        self._templates.env.filters["money"] = money
        self.asgi = Starlette(
            routes=[
                Route("/", self.home),
                Route("/products/{product}", self.product),
                Route("/cart", self.cart),
                Route("/cart", self.change_cart, methods=["POST"]),
                Route("/checkout", self.checkout),
                Route("/checkout", self.buy, methods=["POST"]),
                Route("/orders/{order}", self.order),
                Route("/login", self.door),
                Route("/login", self.log_in, methods=["POST"]),
                Route("/logout", self.log_out, methods=["POST"]),
                Route("/newsletter", self.subscribe, methods=["POST"]),
                Route("/stage", self.stage),
                Route("/healthz", self.health),
                Mount("/static", StaticFiles(directory=_HERE / "static")),
            ],
            middleware=[
                Middleware(
                    SessionMiddleware,
                    secret_key=secrets.token_hex(32),
                    session_cookie="shop",
                    same_site="lax",
                )
            ],
            exception_handlers={HTTPException: self.trouble},
        )

    # ------------------------------------------------------------------- pages

    async def home(self, request: Request) -> Response:
        """The shelf."""
        return await self._page(request, "home.html", "Tea and teaware")

    async def product(self, request: Request) -> Response:
        """One product."""
        visit = Visit(request)
        found = await self._sold(visit, request.path_params["product"])
        visit.look_at(found.id)
        told = [reports.product_viewed(found)]
        return await self._page(request, "product.html", found.name, told, product=found)

    async def cart(self, request: Request) -> Response:
        """What is in the cart."""
        basket = Visit(request).basket()
        told = [reports.cart_viewed(basket)] if basket.lines else []
        return await self._page(request, "cart.html", "Cart", told)

    async def checkout(self, request: Request) -> Response:
        """The form of the order."""
        basket = Visit(request).basket()
        if not basket.lines:
            return _to("/cart")
        return await self._page(request, "checkout.html", "Checkout", [reports.checkout_started(basket)])

    async def order(self, request: Request) -> Response:
        """Thanks for the last order of this browser."""
        order = Visit(request).order
        if order is None or order["id"] != request.path_params["order"]:
            raise HTTPException(404)
        bought = basket_of(order["cart"], Perk(*order["perk"]) if order["perk"] else None)
        return await self._page(request, "order.html", "Thank you", order=order, bought=bought)

    async def door(self, request: Request) -> Response:
        """The form to log in."""
        return await self._page(request, "login.html", "Log in", people=PEOPLE)

    async def trouble(self, request: Request, error: Exception) -> Response:
        """What is said when there is no such page."""
        status = error.status_code if isinstance(error, HTTPException) else 500
        return await self._page(request, "trouble.html", "Not found", status=status)

    # ----------------------------------------------------------------- actions

    async def change_cart(self, request: Request) -> Response:
        """Have more or fewer of a product in the cart."""
        form = await request.form()
        visit = Visit(request)
        product = await self._sold(visit, str(form.get("product")))
        if "add" in form:
            more = visit.put(product.id, visit.count_of(product.id) + 1)
        else:
            more = visit.put(product.id, _number(form.get("quantity")))
        if more > 0:
            visit.tell(reports.product_added(product, more))
        elif more < 0:
            visit.tell(reports.product_removed(product, -more))
        return _to("/cart")

    async def buy(self, request: Request) -> Response:
        """Turn the cart into an order."""
        form = await request.form()
        filled = {
            name: str(form.get(name, "")).strip()[:_LONGEST_TEXT] for name in ("name", "email", "address")
        }
        wrong = {name for name, text in filled.items() if not text or (name == "email" and "@" not in text)}
        if wrong:
            return await self._page(
                request, "checkout.html", "Checkout", filled=filled, wrong=wrong, status=422
            )
        visit = Visit(request)
        perk = (await self._welcome(visit))[1].perk
        basket = visit.basket(perk)
        if not basket.lines:
            return _to("/cart")
        number = f"K-{secrets.token_hex(4)}"
        visit.buy(number, filled["email"], perk)
        visit.tell(reports.order_completed(number, basket))
        return _to(f"/orders/{number}")

    async def log_in(self, request: Request) -> Response:
        """Believe who somebody says they are: the sample shop has no passwords."""
        form = await request.form()
        email, name = (str(form.get(field, "")).strip()[:_LONGEST_TEXT] for field in ("email", "name"))
        if "@" not in email:
            return await self._page(
                request, "login.html", "Log in", people=PEOPLE, wrong={"email"}, status=422
            )
        visit = Visit(request)
        customer = customer_of(email, name)
        visit.log_in(customer)
        visit.tell(reports.signed_in(), {"name": customer.name, "email": customer.email})
        return _to("/")

    async def log_out(self, request: Request) -> Response:
        """Forget who it was; the page makes the SDK forget too."""
        Visit(request).log_out()
        return _to("/")

    async def subscribe(self, request: Request) -> Response:
        """Take an address for the newsletter."""
        form = await request.form()
        email = str(form.get("email", "")).strip()[:_LONGEST_TEXT]
        if "@" not in email:
            return await self._page(request, "home.html", "Tea and teaware", wrong={"newsletter"}, status=422)
        visit = Visit(request)
        visit.tell(reports.newsletter_subscribed(), {"email": email})
        request.session["subscribed"] = True
        return _to("/#newsletter")

    async def health(self, _request: Request) -> Response:
        """The process answers."""
        return Response("ok", media_type="text/plain")

    # ------------------------------------------------------------------- stage

    async def stage(self, request: Request) -> Response:
        """Tell a page that is open when its visitor's stage is no longer the one that it was made for."""
        shown = request.headers.get("last-event-id") or request.query_params.get("shown", "")
        return StreamingResponse(
            self._changes(request, shown),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store"},
        )

    async def _changes(self, request: Request, shown: str) -> AsyncIterator[str]:
        """Server-sent events; looking is cheap, because the reader keeps what it read until Redis says otherwise."""
        yield "retry: 1000\n\n"
        known_as, loop = Visit(request).known_as, asyncio.get_running_loop()
        until = loop.time() + _STREAM_S
        while loop.time() < until:
            profile = await self._reader.get(known_as)
            mark = _mark(profile)
            if mark != shown:
                shown = mark
                yield f"id: {mark}\ndata: {profile.stage}\n\n"
            await asyncio.sleep(_LOOK_S)

    async def _welcome(self, visit: Visit) -> tuple[StageProfile, Welcome]:
        profile = await self._reader.get(visit.known_as)
        welcome = welcome_of(profile.stage)
        if (
            welcome.shelf == "cart" and not visit.basket().lines
        ):  # taken out again, or filled in another browser
            welcome = welcome_of("browsing")
        return profile, welcome

    async def _sold(self, visit: Visit, name: str) -> Product:
        """A product, if this visitor may see it yet."""
        shown = {product.id: product for product in shelf((await self._welcome(visit))[1], visit)}
        if name not in shown:
            raise HTTPException(404)
        return shown[name]

    async def _page(
        self,
        request: Request,
        name: str,
        title: str,
        told: Sequence[Report] = (),
        *,
        status: int = 200,
        **more: Any,
    ) -> Response:
        visit = Visit(request)
        profile, welcome = await self._welcome(visit)
        is_again = "x-again" in request.headers  # the same page once more, for another stage
        waiting, traits = ([], {}) if is_again else visit.told()
        context = {
            "title": title,
            "visit": visit,
            "profile": profile,
            "welcome": welcome,
            "welcomes": WELCOMES.values(),
            "basket": visit.basket(welcome.perk),
            "shelf": shelf(welcome, visit),
            "free_from": FREE_FROM,
            "most": MOST,
            "subscribed": request.session.get("subscribed", False),
            "wrong": (),
            "filled": {},
            "status": status,
            "page": {
                "name": title,
                "mark": _mark(profile),
                "user": visit.customer and visit.customer.id,
                "traits": traits,
                "reports": [] if is_again else [each._asdict() for each in (*told, *waiting)],
                "writeKey": self._write_key,
                "gateway": self._gateway.netloc,
                "protocol": self._gateway.scheme,
            },
        }
        answer = self._templates.TemplateResponse(request, name, {**context, **more}, status_code=status)
        answer.headers.update(self._rules())
        return answer

    def _rules(self) -> dict[str, str]:
        """A page loads from here and reports to the gateway; nothing else."""
        return {
            "Content-Security-Policy": f"default-src 'self'; connect-src 'self' {self._gateway.geturl()}; "
            "base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'",
            "Cache-Control": "no-store",
            "Referrer-Policy": "same-origin",
            "X-Content-Type-Options": "nosniff",
        }


def shelf(welcome: Welcome, visit: Visit) -> list[Product]:
    """Every product that this visitor may see, those first that suit the stage.

    Args:
        welcome: Of the stage.
        visit: What was seen, and what is in the cart.
    """
    first = {
        "best": ["sencha", "kyusu", "assam"],
        "seen": visit.seen,
        "cart": [line.product.id for line in visit.basket().lines],
        "care": ["kyusu", "bowl", "whisk"],
        "early": ["reserve", "oolong"],
        "missed": ["oolong", "whisk", "bowl"],
    }[welcome.shelf]
    names = [*first, *(name for name in PRODUCTS if name not in first)]
    is_friend = welcome.shelf == "early"
    return [PRODUCTS[name] for name in names if is_friend or not PRODUCTS[name].is_early]


def _mark(profile: StageProfile) -> str:
    """By what a page knows that it is of yesterday: whose it is and which stage."""
    return f"{profile.customer_id}/{profile.stage}/{profile.orders}".replace("\n", " ").replace("\r", " ")


def _number(text: object) -> int:
    try:
        return int(str(text))
    except ValueError:
        return 1


def _to(path: str) -> Response:
    return RedirectResponse(path, status_code=303)

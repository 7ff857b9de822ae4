"""Which address shows what, and who may see it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from state import format_instant
from stream_app.console.asked import Asked, address
from stream_app.console.at_risk import at_risk
from stream_app.console.context import Context
from stream_app.console.customer import LONGEST_ID, customer, looked_up, why_table
from stream_app.console.health import health, letter_page
from stream_app.console.models import models
from stream_app.console.now import now
from stream_app.console.page import NotThere, Page
from stream_app.console.replies import exported, local, to_login
from stream_app.console.sessions import COOKIE, Access, Person
from stream_app.console.tables import Table
from stream_app.console.timeline import events_of, moves_of, timeline
from stream_app.console.transitions import behind, transitions
from stream_app.console.troubles import troubles
from stream_app.console.written import as_json, cell, written
from stream_app.errors import Unavailable
from stream_app.explaining import why
from stream_app.letters import Letter, Place, Repairs, read_letters, resend
from stream_app.redis_alerts import AlertBook

__all__ = ["Application"]

_HERE: Final = Path(__file__).parent
_LARGEST_FORM: Final = 12 * 1024 * 1024
_WEEK_S: Final = 7 * 86_400
_VIEWS: Final = {
    "/": now,
    "/transitions": transitions,
    "/risk": at_risk,
    "/models": models,
    "/health": health,
}
_MENU: Final = {
    "/": "Lifecycle now", "/transitions": "Transitions", "/customer": "Customer", "/risk": "At risk", "/models": "Models",
    "/health": "Health",
}  # fmt: skip
Shown = Callable[[Request, Asked], Awaitable[Page]]


class Application:
    """The console as an ASGI application.

    Args:
        context: What is shown.
        access: Who may see it.
        key: Signs the session cookie.
        clock: Processing time (µs).
    """

    def __init__(self, context: Context, access: Access, key: str, clock: Callable[[], int]) -> None:
        self._context = context
        self._access = access
        self._clock = clock
        self._pages = Environment(
            loader=FileSystemLoader(_HERE / "templates"),
            autoescape=select_autoescape(default=True, default_for_string=True),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._pages.filters.update(written=written, cell=cell, as_json=as_json)
        self._pages.globals.update(address=address, menu=_MENU, troubles=lambda: troubles(context))
        routes = [
            *(Route(path, self._shown(_built(view))) for path, view in _VIEWS.items()),
            Route("/transitions/customers", self._shown(_built(behind))),
            Route("/customer", self._shown(self._customer)),
            Route("/customer", self._acknowledge, methods=["POST"]),
            Route("/customer/why", self._part(self._why)),
            Route("/customer/timeline", self._part(self._timeline)),
            Route("/health/letter", self._shown(self._letter)),
            Route("/health/letter", self._resend, methods=["POST"]),
            Route("/login", self._login, methods=["GET", "POST"]),
            Route("/logout", self._logout, methods=["POST"]),
            Route("/healthz", self._healthz),
            Route("/readyz", self._readyz),
            Mount("/static", StaticFiles(directory=_HERE / "static")),
        ]
        cookies = Middleware(
            SessionMiddleware,
            secret_key=key,
            session_cookie=COOKIE,
            max_age=_WEEK_S,
            same_site="lax",
            https_only=context.settings.console.secure_cookie,
        )
        self.asgi = Starlette(
            routes=routes,
            middleware=[Middleware(GZipMiddleware, minimum_size=1000), cookies],
            exception_handlers={HTTPException: self._wrong, Exception: self._failed},
        )

    def _shown(self, view: Callable[..., Any]) -> Callable[[Request], Awaitable[Response]]:
        """An address that shows a page, or one of its tables as CSV, to those who may look."""

        async def endpoint(request: Request) -> Response:
            person = self._access.person(request)
            if person is None:
                return to_login(request)
            asked = await self._asked(request)
            try:
                page = await view(self._context, request, asked)
            except NotThere as error:
                return self._told(404, str(error), person)
            except Unavailable as error:
                return self._told(503, error.sentence, person)
            wanted = request.query_params.get("csv")
            if wanted is not None:
                return exported(page.tables.get(wanted), wanted)
            return self._rendered(page, request, asked, person)

        return endpoint

    def _part(
        self, view: Callable[[Request, Asked], Awaitable[Table]]
    ) -> Callable[[Request], Awaitable[Response]]:
        """An address that gives one table, to be put into a page or as CSV."""

        async def endpoint(request: Request) -> Response:
            person = self._access.person(request)
            if person is None:
                return Response("Log in first.", 401)
            try:
                table = await view(request, await self._asked(request))
            except Unavailable as error:
                return HTMLResponse(self._pages.get_template("trouble.html").render(told=error.sentence))
            if "csv" in request.query_params:
                return exported(table, request.url.path.rpartition("/")[2])
            href = address(request.url.path, {**request.query_params, "csv": "1"})
            return HTMLResponse(self._pages.get_template("part.html").render(table=table, href=href))

        return endpoint

    async def _asked(self, request: Request) -> Asked:
        return await asyncio.to_thread(
            Asked.of, request.query_params, self._context.names, self._context.store
        )

    def _rendered(
        self, page: Page, request: Request, asked: Asked, person: Person, status: int = 200
    ) -> Response:
        paused = "paused" in request.query_params
        query = {name: value for name, value in request.query_params.items() if name != "paused"}
        text = self._pages.get_template(page.template).render(
            page=page, path=request.url.path, asked=asked, person=person, context=self._context, query=query, paused=paused,
            here=address(request.url.path, {**query, **({"paused": "1"} if paused else {})}),
            toggled=address(request.url.path, query if paused else {**query, "paused": "1"}),
            **page.values,
        )  # fmt: skip
        return HTMLResponse(text, status)

    def _told(self, status: int, sentence: str, person: Person | None = None) -> Response:
        text = self._pages.get_template("message.html").render(
            told=sentence, person=person, path="", context=self._context
        )
        return HTMLResponse(text, status)

    async def _customer(self, context: Context, request: Request, asked: Asked) -> Page:
        wanted = request.query_params.get("id", "").strip()[:LONGEST_ID]
        looked = await looked_up(context, asked.lifecycle, wanted)
        return await asyncio.to_thread(customer, context, asked, looked)

    async def _acknowledge(self, request: Request) -> Response:
        """Note that somebody takes care of a customer, for operators."""
        person, form = self._access.person(request), await request.form()
        if person is None:
            return to_login(request)
        refusal = self._refusal(person, form)
        if refusal:
            return self._told(403, refusal, person)
        lifecycle, meant, note = (
            str(form.get(name, ""))[:LONGEST_ID] for name in ("lifecycle", "id", "note")
        )
        if lifecycle not in self._context.names:
            return self._told(404, "There is no such lifecycle.", person)
        book = AlertBook(self._context.redis, self._context.settings.redis_prefix, self._context.names)
        try:
            await book.acknowledge(lifecycle, meant, person.name, format_instant(self._clock()), note)
        except Unavailable as error:
            return self._told(503, error.sentence, person)
        return RedirectResponse(address("/customer", {"lifecycle": lifecycle, "id": meant}), 303)

    async def _why(self, request: Request, asked: Asked) -> Table:
        meant = request.query_params.get("id", "")[:LONGEST_ID]
        return why_table(await why(self._context.settings, meant), asked.lifecycle)

    async def _timeline(self, request: Request, asked: Asked) -> Table:
        meant = request.query_params.get("id", "")[:LONGEST_ID]
        moves = await asyncio.to_thread(moves_of, self._context.store, asked.lifecycle, meant)
        try:
            events = await events_of(self._context.settings, meant, self._clock())
        except Unavailable as error:
            return replace(timeline(moves, []), note=error.sentence)
        return timeline(moves, events)

    async def _letter(self, context: Context, request: Request, _asked: Asked) -> Page:
        found = await self._found(request.query_params.get("place", ""))
        return await asyncio.to_thread(letter_page, context, found)

    async def _found(self, text: str) -> Letter | None:
        try:
            place = Place.parse(text)
        except ValueError as error:
            raise NotThere(str(error)) from None
        return next(iter(await read_letters(self._context.settings, [place])), None)

    async def _resend(self, request: Request) -> Response:
        """Send a dead letter again, for operators."""
        person = self._access.person(request)
        if person is None:
            return to_login(request)
        form = await request.form(max_part_size=_LARGEST_FORM)
        refusal = self._refusal(person, form)
        if refusal:
            return self._told(403, refusal, person)
        try:
            letter = await self._found(str(form.get("place", "")))
            draft = _draft(form.get("value"), letter)
            page, is_sent = await self._sent(letter, draft, person)
        except (NotThere, Unavailable) as error:
            return self._told(404 if isinstance(error, NotThere) else 503, str(error), person)
        if is_sent:
            return RedirectResponse(address("/health/letter", {"place": str(form["place"])}), 303)
        return self._rendered(page, request, await self._asked(request), person, 422)

    def _refusal(self, person: Person, form: Mapping[str, object]) -> str:
        if not self._access.is_ours(person, form):
            return "This form is not from this session; open the page again."
        return "" if person.may_operate else f"{person.name} may look; this needs the role operator."

    async def _sent(self, letter: Letter | None, draft: bytes, person: Person) -> tuple[Page, bool]:
        if letter is None:
            raise NotThere("Kafka no longer has this dead letter.")
        settings, now_us = self._context.settings, self._clock()
        (outcome,) = await resend(settings, [letter._replace(value=draft)], now_us)
        if outcome.topic is not None:
            topic = f"{settings.topic_prefix}dead-letters"
            repairs = Repairs(settings.data_dir)
            await asyncio.to_thread(
                repairs.note, topic, [letter.place], format_instant(now_us)[:19], person.name
            )
        text = draft.decode("utf-8", "replace")
        page = await asyncio.to_thread(letter_page, self._context, letter, outcome.refusal or "", text)
        return page, outcome.topic is not None

    async def _login(self, request: Request) -> Response:
        """The form, and what becomes of it; the address that the command prints carries its token in the query."""
        offered = request.query_params.get("token", "")
        # Only the token of this run may travel in an address: configured ones would stay in a browser's history.
        if (
            offered
            and self._access.once is not None
            and self._access.log_in(request.session, offered)
            and offered == self._access.once
        ):
            return RedirectResponse("/", 303)
        wrong, onward = bool(offered), local(request.query_params.get("next", "/"))
        if request.method == "POST":
            form = await request.form()
            onward = local(str(form.get("next", "/")))
            if self._access.log_in(request.session, str(form.get("token", ""))):
                return RedirectResponse(onward, 303)
            await asyncio.sleep(0.5)  # guessing takes its time
            wrong = True
        template = self._pages.get_template("login.html")
        text = template.render(wrong=wrong, next=onward, once=self._access.once is not None)
        return HTMLResponse(text, 403 if wrong else 200)

    async def _logout(self, request: Request) -> Response:
        person, form = self._access.person(request), await request.form()
        if person is not None and self._access.is_ours(person, form):
            request.session.clear()
        return RedirectResponse("/login", 303)

    async def _healthz(self, _request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def _readyz(self, _request: Request) -> Response:
        progress = self._context.progress
        told = {
            "status": "ready" if progress.reason is None else "not_ready",
            "reason": progress.reason,
            "waiting": progress.waiting,
        }
        return JSONResponse(told, 200 if progress.reason is None else 503)

    async def _wrong(self, request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        said = {404: "There is nothing here.", 405: "This address wants another method."}.get(
            status, "This cannot be answered."
        )
        return self._told(status, said, self._access.person(request))

    async def _failed(self, _request: Request, _error: Exception) -> Response:
        return self._told(500, "The console failed; its log says why.")


def _built(view: Callable[[Context, Asked], Page]) -> Callable[..., Awaitable[Page]]:
    """A view that asks the store, which blocks, in a thread."""

    async def build(context: Context, _request: Request, asked: Asked) -> Page:
        return await asyncio.to_thread(view, context, asked)

    return build


def _draft(value: UploadFile | str | None, letter: Letter | None) -> bytes:
    """What is to be sent: a form writes line ends as CR LF; an untouched text is sent byte for byte."""
    original = b"" if letter is None else letter.value
    if not isinstance(value, str):
        return original
    text = value.replace("\r\n", "\n")
    untouched = text == original.decode("utf-8", "replace").replace("\r\n", "\n")
    return original if untouched else text.encode()

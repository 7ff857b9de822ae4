"""Which path is answered by what."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.convertors import StringConvertor, register_url_convertor
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from stream_app.gateway.answers import Refused, found
from stream_app.gateway.browser import BrowserSettings
from stream_app.gateway.cloud_events import CloudEvents
from stream_app.gateway.headers import header
from stream_app.gateway.openapi import description
from stream_app.gateway.outbox import Outbox
from stream_app.gateway.profiles import Profiles
from stream_app.gateway.reception import Reception
from stream_app.gateway.tracking import Tracking
from stream_app.gateway.webhooks import Webhooks

Endpoint = Callable[[Request], Awaitable[Response]]
_DAY_S = 86_400


class _Any(StringConvertor):
    """A part of a path that may hold every character, as ids of customers do: line breaks and slashes too."""

    regex = "(?s:.*)"


register_url_convertor("any", _Any())


class Application:
    """The gateway as an ASGI application.

    Args:
        reception: Takes events.
        webhooks: Takes what other systems send in shapes of their own.
        profiles: Gives profiles, or None without read keys.
        outbox: Says whether Kafka is there.
        origins: Websites that may use it from a browser; ``*`` for any.
    """

    def __init__(
        self,
        reception: Reception,
        webhooks: Webhooks,
        profiles: Profiles | None,
        outbox: Outbox,
        origins: tuple[str, ...],
    ) -> None:
        self._outbox = outbox
        tracking = list(Tracking(reception).routes())
        routes: list[BaseRoute] = [
            *tracking,
            *CloudEvents(reception).routes(),
            *webhooks.routes(),
            BrowserSettings(reception.keys).route(),
            Route("/healthz", self.health),
            Route("/readyz", self.readiness),
            Route("/openapi.json", self.openapi),
        ]
        if profiles is not None:
            routes.append(Route("/v1/profiles/{id:any}", profiles.endpoint, methods=["GET"]))
        self._document = description(webhooks.names)
        cors = Middleware(
            CORSMiddleware,
            allow_origins=list(origins),
            allow_methods=["GET", "POST"],
            allow_headers=["*"],
            expose_headers=["Retry-After"],
            max_age=_DAY_S,
        )
        app = Starlette(
            middleware=[cors],
            exception_handlers={HTTPException: _not_found, Exception: _failed},
        )
        app.router = Router(routes, redirect_slashes=False)
        self.asgi: ASGIApp = _Entrance(app, {route.path: route.endpoint for route in tracking})

    async def health(self, _request: Request) -> Response:
        """The process answers."""
        return found({"status": "ok"})

    async def readiness(self, _request: Request) -> Response:
        """Events can be taken: Kafka answers now."""
        reason = await self._outbox.probe()
        if reason is None:
            return found({"status": "ready"})
        return Refused(503, "not_ready", reason, 1).answer()

    async def openapi(self, _request: Request) -> Response:
        """What can be asked, for programs."""
        return found(self._document)


class _Entrance:
    """Goes straight to where servers send; the way through all layers would cost as much as dozens of events.

    A slash is taken from the end of a path: some SDKs write one, and none follows a redirect of a POST.

    Args:
        app: What answers everything else, and browsers.
        direct: Endpoints for POST by path.
    """

    def __init__(self, app: ASGIApp, direct: Mapping[str, Endpoint]) -> None:
        self._app = app
        self._direct = direct

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        if path.endswith("/") and len(path) > 1 and not path.startswith("/v1/profiles/"):
            path = scope["path"] = path.rstrip("/")
        endpoint = self._direct.get(path) if scope["method"] == "POST" else None
        if endpoint is None or header(scope, b"origin"):
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive, send)
        try:
            answer = await endpoint(request)
        except Exception as error:
            await (await _failed(request, error))(scope, receive, send)
            raise
        await answer(scope, receive, send)


async def _not_found(_request: Request, error: Any) -> Response:
    sentences = {
        404: "There is nothing here; /openapi.json lists what is.",
        405: "This path wants another method.",
    }
    code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "refused")
    answer = Refused(error.status_code, code, sentences.get(error.status_code, str(error.detail))).answer()
    answer.headers.update(error.headers or {})
    return answer


async def _failed(_request: Request, _error: Exception) -> Response:
    return Refused(500, "internal", "The gateway failed; nothing is certain, send again.", 5).answer()

"""The routes for systems that send in shapes of their own: verified, mapped, and then events like all others."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from state import Rejected
from stream_app.errors import Misconfigured
from stream_app.gateway.answers import Refused, accepted
from stream_app.gateway.keys import Sender, keys_outside_body
from stream_app.gateway.mapping import event_of, payloads
from stream_app.gateway.reception import Reception
from stream_app.gateway.signatures import ByEcdsa, ByWriteKey, Signed
from stream_app.gateway.source_file import Source, load_source, names
from stream_app.settings import Settings, Webhook


class _Hook:
    """One webhook as configured."""

    def __init__(self, source: Source, sender: Sender | None, given: Webhook) -> None:
        self.source = source
        self.sender = sender
        self.url = given.url
        self.secret = None if given.secret is None else given.secret.get_secret_value()


class Webhooks:
    """``/v1/webhooks/NAME``: those that are configured, and every known system that needs no secret.

    Args:
        settings: Which there are, and their secrets.
        reception: What all routes that take events share.

    Attributes:
        names: Of all that can be sent to.

    Raises:
        Misconfigured: If a source file is wrong, or a secret is missing.
    """

    def __init__(self, settings: Settings, reception: Reception) -> None:
        self._at = reception
        self._hooks: dict[str, _Hook] = {}
        for name in names():
            source = load_source(name)
            if isinstance(source.verify, ByWriteKey):
                self._hooks[name] = _Hook(source, None, Webhook())
        for name, given in settings.gateway.webhooks.items():
            self._hooks[name.replace("_", "-")] = self._configured(name, given)

    def _configured(self, name: str, given: Webhook) -> _Hook:
        source = load_source(given.source or name)
        if isinstance(source.verify, ByWriteKey):
            if given.tenant is not None:  # obeyed, it would let every key write for that tenant
                raise Misconfigured(
                    f"gateway.webhooks.{name}.tenant: {source.title} sends with a write key, "
                    "whose tenant counts; set gateway.keys.NAME.tenant"
                )
            return _Hook(source, None, given)
        if given.secret is None:
            raise Misconfigured(
                f"gateway.webhooks.{name}: needs a secret to verify what {source.title} sends; "
                f"set LIFECYCLE_GATEWAY__WEBHOOKS__{name.upper()}__SECRET"
            )
        hook = _Hook(source, self._at.keys.sender_called(name, given.tenant), given)
        if isinstance(source.verify, ByEcdsa):
            source.verify.holds(_NOTHING, hook.secret or "")  # a key that is none must be found now
        return hook

    @property
    def names(self) -> list[str]:
        """Every webhook that can be sent to."""
        return sorted(self._hooks)

    def routes(self) -> Iterator[Route]:
        """One path for all; GET answers what systems ask before they send."""
        path = "/v1/webhooks/{name}"
        yield Route(path, self._at.route("/v1/webhooks", self.receive), methods=["POST"])
        yield Route(path, self.asked, methods=["GET"])

    async def asked(self, request: Request) -> Response:
        """Systems ask whether somebody is there; Meta wants its challenge back."""
        try:
            self._hook(request)
            challenge = request.query_params.get("hub.challenge")
            if challenge is None:
                return accepted()
            self._at.keys.sender([request.query_params.get("hub.verify_token")])
        except Refused as refused:
            return refused.answer()
        return PlainTextResponse(challenge[:1000], headers={"X-Content-Type-Options": "nosniff"})

    async def receive(self, request: Request, body: bytes) -> Response:
        """Verify, map, and keep."""
        at, hook = self._at, self._hook(request)
        arrival = at.arrival()
        sender = self._verified(hook, request, body, arrival.received_at / 1e6)
        found = payloads(hook.source, body, dict(request.headers), dict(request.query_params))
        at.admit(sender, len(found))
        judged = at.judging(sender, request.url.path, arrival)
        for payload in found:
            try:
                event = event_of(hook.source, payload)
            except Rejected as rejected:
                judged.refuse(payload.original, rejected)
                continue
            if event is not None:
                judged.add(event, lambda raw: at.intake.take(raw, arrival), payload.original)
        await at.deliver(judged)
        return accepted()

    def _hook(self, request: Request) -> _Hook:
        name = request.path_params["name"].replace("_", "-")
        hook = self._hooks.get(name)
        if hook is None:
            known = name in names()
            raise Refused(
                404,
                "unknown_webhook",
                f"Its secret is not configured: gateway.webhooks.{name}.secret."
                if known
                else "There is no such webhook.",
            )
        return hook

    def _verified(self, hook: _Hook, request: Request, body: bytes, now: float) -> Sender:
        verify = hook.source.verify
        if isinstance(verify, ByWriteKey) or hook.sender is None:
            return self._at.keys.sender(keys_outside_body(request))
        signed = Signed(
            method=request.method,
            url=_public_url(hook.url, request),
            headers=dict(request.headers),
            query=dict(request.query_params),
            body=body,
            now=now,
        )
        if not verify.holds(signed, hook.secret or ""):
            raise Refused(401, "invalid_signature", "The signature does not fit the body and the secret.")
        return hook.sender


_NOTHING = Signed(method="", url="", headers={}, query={}, body=b"", now=0)


def _public_url(configured: str | None, request: Request) -> str:
    """The URL as the sender knows it: a proxy in between may have changed scheme, host and path."""
    if configured is None:
        return str(request.url)
    query = request.scope["query_string"].decode("latin-1")
    return f"{configured}?{query}" if query and not urlsplit(configured).query else configured

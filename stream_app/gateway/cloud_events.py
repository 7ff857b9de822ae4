"""The route for CloudEvents over HTTP."""

from collections.abc import Iterator

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from stream_app.gateway.answers import accepted
from stream_app.gateway.envelopes import events_of, record_of
from stream_app.gateway.keys import keys_outside_body
from stream_app.gateway.reception import Reception


class CloudEvents:
    """``POST /v1/events`` in structured, binary and batched mode.

    Args:
        reception: What all routes that take events share.
    """

    def __init__(self, reception: Reception) -> None:
        self._at = reception

    def routes(self) -> Iterator[Route]:
        """The one route."""
        yield Route("/v1/events", self._at.route("/v1/events", self.events), methods=["POST"])

    async def events(self, request: Request, body: bytes) -> Response:
        """One or several CloudEvents."""
        at = self._at
        sender = at.keys.sender([*keys_outside_body(request), request.headers.get("x-write-key")])
        sent = events_of(request.headers, body)
        at.admit(sender, len(sent))
        arrival = at.arrival()
        judged = at.judging(sender, request.url.path, arrival)
        for raw in sent:
            judged.add(raw, lambda one: record_of(one, arrival, at.intake))
        await at.deliver(judged)
        return accepted()

"""The Segment HTTP tracking API, the same routes as browsers' SDKs shorten them, and PostHog's two shapes.

References:
    Segment spec, HTTP Tracking API; analytics-next (one-letter paths); posthog-python 7.91.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any, Final

import msgspec
import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from state import Rejected
from stream_app.gateway.answers import Refused, accepted, found
from stream_app.gateway.clock_skew import Arrival
from stream_app.gateway.cutting import Torn, cut_list, cut_object
from stream_app.gateway.intake import Shared
from stream_app.gateway.keys import keys_outside_body
from stream_app.gateway.posthog import as_segment
from stream_app.gateway.reception import Judged, Reception
from stream_app.gateway.record import Outgoing
from stream_app.gateway.usual import read_usual

_CALLS: Final = {
    "track": ("/v1/track", "/v1/t"),
    "identify": ("/v1/identify", "/v1/i"),
    "page": ("/v1/page", "/v1/p"),
    "screen": ("/v1/screen", "/v1/s"),
    "alias": ("/v1/alias", "/v1/a"),
    "group": ("/v1/group", "/v1/g"),
}
_BATCHES: Final = ("/v1/batch", "/v1/b", "/v1/import", "/beacon/v1/batch")


class _Batch(msgspec.Struct, gc=False):
    """A body with several events; the events themselves are read one by one."""

    batch: list[msgspec.Raw]
    writeKey: Any = None  # noqa: N815 - named as on the wire
    api_key: Any = None
    sentAt: Any = None  # noqa: N815
    sent_at: Any = None
    context: msgspec.Raw = msgspec.Raw(b"null")
    historical_migration: Any = None


class _Single(msgspec.Struct, gc=False):
    """What a body with one event says about its sender, and whether it is a batch after all."""

    writeKey: Any = None  # noqa: N815
    api_key: Any = None
    sentAt: Any = None  # noqa: N815
    batch: msgspec.Raw = msgspec.Raw()


_BATCH: Final = msgspec.json.Decoder(_Batch)
_LIST: Final = msgspec.json.Decoder(list[msgspec.Raw])
_SINGLE: Final = msgspec.json.Decoder(_Single)
_ANYTHING: Final = msgspec.json.Decoder()
_RAW: Final = ("batch", "context")
_UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class Tracking:
    """The routes for analytics SDKs.

    Args:
        reception: What they share with other routes.
    """

    def __init__(self, reception: Reception) -> None:
        self._at = reception

    def routes(self) -> Iterator[Route]:
        """Every route; each takes POST."""
        for call, paths in _CALLS.items():
            for path in paths:
                yield _post(path, self._at.route(paths[0], self._single(call)))
        for path in _BATCHES:
            yield _post(path, self._at.route("/v1/batch", self.batch))
        yield _post("/batch", self._at.route("/batch", self.posthog))
        yield _post("/capture", self._at.route("/batch", self.posthog))
        yield _post("/i/v1/analytics/events", self._at.route("/i/v1/analytics/events", self.posthog_v1))
        yield _post("/v1/m", self._at.route("/v1/m", _ignored))

    def _single(self, call: str) -> Callable[[Request, bytes], Any]:
        async def single(request: Request, body: bytes) -> Response:
            at = self._at
            about = _read_single(body)
            sender = at.keys.sender([*keys_outside_body(request), about.writeKey, about.api_key])
            at.admit(sender, 1)
            arrival = at.arrival(about.sentAt)
            judged = at.judging(sender, request.scope["path"], arrival)
            judged.add(body.strip(), lambda raw: at.intake.take(raw, arrival, call))
            await at.deliver(judged)
            return accepted()

        return single

    async def batch(self, request: Request, body: bytes) -> Response:
        """Several events of the Segment spec."""
        judged = self._judge(request, body)
        del body  # while it is in the processor's cache, not when Kafka has answered
        await self._at.deliver(judged)
        return accepted()

    def _judge(self, request: Request, body: bytes) -> Judged:
        at = self._at
        usual = read_usual(body)
        sent = _read_batch(body) if usual is None else usual
        sender = at.keys.sender([*keys_outside_body(request), sent.writeKey, sent.api_key])
        at.admit(sender, len(sent.batch))
        arrival = at.arrival(sent.sentAt)
        judged = at.judging(sender, request.scope["path"], arrival)
        load = None if usual is None else at.intake.take_all(body, usual, arrival)
        if load is None:
            self._take_each(_read_batch(body), arrival, judged)
        else:
            judged.load = load
        return judged

    def _take_each(self, sent: _Batch, arrival: Arrival, judged: Judged) -> None:
        intake = self._at.intake
        context = _shared(sent.context)

        def make(raw: bytes) -> Outgoing:
            return intake.take(raw, arrival, "", context)

        for raw in sent.batch:
            judged.add(bytes(raw), make)

    async def posthog(self, request: Request, body: bytes) -> Response:
        """PostHog's ``/batch/``; a single event stands for a batch of one."""
        sent = _read_posthog(body)
        await self._take_posthog(request, sent, sent.sent_at)
        return accepted()

    async def posthog_v1(self, request: Request, body: bytes) -> Response:
        """PostHog's Capture V1, whose answer says for each event what became of it."""
        sent = _read_batch(body)
        refusals = await self._take_posthog(request, sent, request.headers.get("posthog-request-timestamp"))
        results = {
            _uuid(bytes(raw)): {"result": "drop", "details": refusals[place].sentence}
            if place in refusals
            else {"result": "ok"}
            for place, raw in enumerate(sent.batch)
        }
        return found({"success": True, "results": results})

    async def _take_posthog(self, request: Request, sent: _Batch, sent_at: Any) -> dict[int, Rejected]:
        at = self._at
        sender = at.keys.sender([*keys_outside_body(request), sent.api_key, sent.writeKey])
        at.admit(sender, len(sent.batch))
        arrival = at.arrival(None if sent.historical_migration is True else sent_at)
        judged = at.judging(sender, request.scope["path"], arrival)

        def make(raw: bytes) -> Outgoing:
            return at.intake.take(as_segment(raw), arrival)

        for raw in sent.batch:
            judged.add(bytes(raw), make)
        await at.deliver(judged)
        return judged.refusals


def _shared(context: msgspec.Raw) -> Shared | None:
    """The context of a batch; no object, or one with nothing in it, counts as none."""
    try:
        entries = _ANYTHING.decode(context)
    except _UNREADABLE as error:
        raise Refused(400, "invalid_json", f"The context of the batch cannot be read: {error}.") from None
    return Shared(entries, memoryview(context).nbytes) if isinstance(entries, dict) and entries else None


async def _ignored(_request: Request, _body: bytes) -> Response:
    """Counters that browser SDKs keep about themselves; nobody needs them here."""
    return accepted()


def _post(path: str, endpoint: Callable[[Request], Any]) -> Route:
    return Route(path, endpoint, methods=["POST"])


def _read(decoder: "msgspec.json.Decoder[Any]", body: bytes, cut: Callable[[bytes], Any]) -> Any:
    """Parse a body, or cut it if it cannot be parsed.

    Raises:
        Refused: 400 if it cannot be cut either, with what was wrong in the first place; 413.
    """
    try:
        body.decode()  # the decoder does not look whether what it skips is UTF-8
        return decoder.decode(body)
    except _UNREADABLE as error:
        try:
            return cut(body)
        except Torn:
            raise Refused(400, "invalid_json", f"The body cannot be read: {error}.") from None


def _read_batch(body: bytes) -> _Batch:
    if body.lstrip()[:1] == b"[":
        return _Batch(_read(_LIST, body, cut_list))
    sent: _Batch = _read(_BATCH, body, _as_batch)
    return sent


def _as_batch(body: bytes) -> _Batch:
    about = cut_object(body)
    return _Batch([msgspec.Raw(each) for each in cut_list(about.pop("batch", b""))], **_told(_Batch, about))


def _read_single(body: bytes) -> _Single:
    about: _Single = _read(_SINGLE, body, lambda torn: _Single(**_told(_Single, cut_object(torn))))
    return about


def _read_posthog(body: bytes) -> _Batch:
    if body.lstrip()[:1] == b"[":
        return _read_batch(body)
    about = _read_single(body)
    if bytes(about.batch):
        return _read_batch(body)
    return _Batch([msgspec.Raw(body)], about.writeKey, about.api_key, sent_at=about.sentAt)


def _told(kind: type[msgspec.Struct], about: Mapping[str, bytes]) -> dict[str, Any]:
    """The fields of a body that was cut; one that cannot be read counts as not sent."""
    told: dict[str, Any] = {}
    for name in about.keys() & set(kind.__struct_fields__):
        with suppress(*_UNREADABLE):
            told[name] = msgspec.Raw(about[name]) if name in _RAW else _ANYTHING.decode(about[name])
    return told


def _uuid(raw: bytes) -> str:
    try:
        sent = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return ""
    return str(sent.get("uuid", "")) if isinstance(sent, dict) else ""

"""What Segment's browser SDK asks before it sends: where to, and which integrations there are.

References:
    analytics-next, ``cdnURL``: the SDK reads ``/v1/projects/KEY/settings`` from there.
"""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from stream_app.gateway.answers import Refused, found
from stream_app.gateway.keys import Keys


class BrowserSettings:
    """``GET /v1/projects/KEY/settings``, so that a website points its SDK here with ``cdnURL`` alone.

    Args:
        keys: Who may send.
    """

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    def route(self) -> Route:
        """The one route."""
        return Route("/v1/projects/{key}/settings", self.settings, methods=["GET"])

    async def settings(self, request: Request) -> Response:
        """Everything goes to this gateway, by the scheme and host by which it was asked."""
        key = request.path_params["key"]
        try:
            self._keys.sender([key])
        except Refused as refused:
            return refused.answer()
        here = {"apiKey": key, "apiHost": f"{request.url.netloc}/v1", "protocol": request.url.scheme}
        enabled = {"__default": {"enabled": True, "integrations": {}}}
        return found(
            {
                "integrations": {"Segment.io": {**here, "unbundledIntegrations": []}},
                "plan": {"track": enabled, "identify": enabled, "group": enabled},
                "metrics": {"sampleRate": 0},
                "enabledMiddleware": {},
                "remotePlugins": [],
            }
        )

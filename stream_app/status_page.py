"""What a process says of itself over HTTP: metrics for Prometheus, and whether it lives and is ready, with reasons."""

import threading
from collections.abc import Callable, Iterable, Mapping
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import orjson
from prometheus_client import CollectorRegistry, make_wsgi_app

from stream_app.errors import Unavailable

__all__ = ["Check", "serve_status"]

#: Says in one sentence what is wrong, or nothing if all is well.
Check = Callable[[], str | None]


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    timeout = 10  # seconds: who sends half a request does not keep a thread

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is that of the base class
        """Scrapes are no news."""


def serve_status(
    host: str, port: int, registry: CollectorRegistry, checks: Mapping[str, Iterable[Check]]
) -> int:
    """Open the pages ``/metrics`` and, for each name in *checks*, ``/NAME``.

    A check's page is JSON, ``{"ok": …, "reasons": […]}``, with status 200 or 503.

    Args:
        host: Where to listen.
        port: 0 takes a free one.
        registry: What Prometheus reads.
        checks: By name of the page, such as ``healthz`` and ``readyz``.

    Returns:
        The port.

    Raises:
        Unavailable: If the address cannot be listened on.
    """
    metrics = make_wsgi_app(registry)

    def page(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        name = environ.get("PATH_INFO", "/").strip("/")
        if name not in checks:
            shown: Iterable[bytes] = metrics(environ, start)
            return shown
        reasons = [reason for check in checks[name] if (reason := check()) is not None]
        status = "503 Service Unavailable" if reasons else "200 OK"
        start(status, [("Content-Type", "application/json"), ("Cache-Control", "no-store")])
        return [orjson.dumps({"ok": not reasons, "reasons": reasons})]

    try:
        server = make_server(host, port, page, server_class=_Server, handler_class=_Quiet)
    except OSError as error:
        raise Unavailable(
            f"metrics: {host}:{port} cannot be listened on ({error.strerror}); give each process of this machine a "
            "metrics.port of its own, or 0 for a free one"
        ) from None
    threading.Thread(target=server.serve_forever, name="status page", daemon=True).start()
    return server.server_port

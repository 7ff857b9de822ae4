"""From one URL to the two connections of a reader: one for questions, one that hears of changes.

The URL is that of :mod:`stream_app.redis_connection`: one server, Sentinel or Cluster, TLS and ACL users.
"""

from typing import Any
from urllib.parse import urlsplit

from redis.backoff import NoBackoff

from stream_app.errors import Misconfigured
from stream_app.redis_connection import hosts, redacted, url_options

__all__ = ["is_cluster", "open_client", "tracking"]

SENTINEL_PORT, REDIS_PORT = 26379, 6379


def is_cluster(url: str) -> bool:
    """Whether *url* names a Cluster: there no script follows an alias, and no one node knows of all changes."""
    return url.partition("://")[0].endswith("+cluster")


def tracking(client_id: int, prefixes: tuple[str, ...]) -> list[Any]:
    """The command by which a connection hears of every change of a key that begins so."""
    command: list[Any] = ["CLIENT", "TRACKING", "ON", "REDIRECT", client_id, "BCAST"]
    for prefix in prefixes:
        command += ["PREFIX", prefix]
    return command


def open_client(url: str, library: Any, seconds: float, *, node: int | None = None, **more: Any) -> Any:
    """A client that gives up after *seconds* and tries nothing twice.

    Args:
        url: Where Redis is.
        library: ``redis`` or ``redis.asyncio``, with its ``sentinel``, ``cluster`` and ``retry``.
        seconds: For connecting, and again for an answer.
        node: In a Cluster a connection to this one of the nodes that *url* names, rather than to all: each of them
            hears every channel.
        more: Further options of every connection.

    Raises:
        Misconfigured: The URL cannot be understood; the message holds no secret.
    """
    options = {
        "socket_connect_timeout": seconds,
        "socket_timeout": seconds,
        "retry": library.retry.Retry(NoBackoff(), 0),
        "protocol": 2,
        **more,
    }
    scheme = url.partition("://")[0].removeprefix("rediss").removeprefix("redis")
    try:
        if scheme == "+sentinel":
            return _sentinel(url, library, options)
        if scheme == "+cluster":
            return _cluster(url, library, options, node)
        return library.Redis.from_url(url, **options)
    except (ValueError, TypeError) as error:
        raise Misconfigured(
            f"the reader: {redacted(url)!r} is no Redis URL: {type(error).__name__}"
        ) from None


def _sentinel(url: str, library: Any, options: dict[str, Any]) -> Any:
    options = {**options, **url_options(url)}
    service, _, db = urlsplit(url).path.strip("/").partition("/")
    if not service:
        raise ValueError("no service")
    own = {name: options.pop(f"sentinel_{name}", None) for name in ("username", "password")}
    tls = {name: value for name, value in options.items() if name.startswith("ssl")}
    limits = {name: options[name] for name in ("socket_connect_timeout", "socket_timeout", "retry")}
    sentinel = library.sentinel.Sentinel(
        hosts(url, SENTINEL_PORT), sentinel_kwargs={**limits, **tls, **own}, db=int(db or 0), **options
    )
    return sentinel.master_for(service)


def _cluster(url: str, library: Any, options: dict[str, Any], node: int | None) -> Any:
    options = {**options, **url_options(url)}
    nodes = hosts(url, REDIS_PORT)
    if node is not None:
        host, port = nodes[node % len(nodes)]
        return library.Redis(host=host, port=port, **options)
    cluster = library.cluster
    return cluster.RedisCluster(startup_nodes=[cluster.ClusterNode(*node) for node in nodes], **options)

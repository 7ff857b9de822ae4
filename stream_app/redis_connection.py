"""From one URL to a connected Redis: one server, Sentinel, or Cluster; with TLS and ACL users.

``redis://user:password@host:6379/0``
    One server; ``rediss://`` through TLS; ``unix:///run/redis.sock?db=0`` through a Unix socket.
``redis+sentinel://user:password@host:26379,host:26379/service/0``
    The master of *service* as Sentinel knows it; ``rediss+sentinel://`` through TLS.
``redis+cluster://user:password@host:6379,host:6379``
    A Cluster, found from any of these nodes; ``rediss+cluster://`` through TLS.

The query takes redis-py's options (``ssl_ca_certs``, ``ssl_certfile``, ``ssl_keyfile``, ``ssl_cert_reqs``,
``socket_timeout``, …) and, for Sentinel, ``sentinel_username`` and ``sentinel_password``.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import redis.asyncio as aioredis
from redis.asyncio.cluster import ClusterNode, RedisCluster
from redis.asyncio.connection import parse_url
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import ExponentialBackoff
from redis.exceptions import AuthenticationError, RedisError, ResponseError
from redis.exceptions import ConnectionError as RedisConnectionError

from stream_app.errors import Misconfigured, Unavailable

__all__ = [
    "AsyncRedis",
    "RedisUnavailable",
    "connect",
    "eviction_of",
    "hosts",
    "redacted",
    "telling_redis",
    "url_options",
]

AsyncRedis = aioredis.Redis | RedisCluster

CONNECT_SECONDS = 1.0
ANSWER_SECONDS = 1.5  # with one connection attempt before it a call fails within two seconds or so
RETRIES = 1
SENTINEL_PORT, REDIS_PORT = 26379, 6379


class RedisUnavailable(Unavailable):
    """Redis did not do what it was asked; nothing is lost, the same may be asked again.

    Operator action: bring Redis back or correct its address and credentials; the worker catches up by itself.
    """


def redacted(url: str) -> str:
    """The URL without what must not be logged: user, password, and the values of the query.

    Examples:
        >>> redacted("rediss+cluster://app:hunter2@a:1,b:2/0?ssl_keyfile=/k")
        'rediss+cluster://***@a:1,b:2/0?ssl_keyfile=***'
        >>> redacted("redis://localhost:6379/0")
        'redis://localhost:6379/0'
    """
    parts = urlsplit(url)
    secret, at, hosts = parts.netloc.rpartition("@")
    query = "&".join(f"{name}=***" for name, _ in parse_qsl(parts.query, keep_blank_values=True))
    netloc = f"***{at}{hosts}" if secret or at else hosts
    return f"{parts.scheme}://{netloc}{parts.path}" + (f"?{query}" if query else "")


def connect(url: str, *, where: str = "LIFECYCLE_REDIS") -> AsyncRedis:
    """A client for *url*; it connects when it is first used, and answers with bytes.

    Args:
        url: See this module.
        where: Which setting the URL comes from, for the error message.

    Raises:
        Misconfigured: The URL cannot be understood; the message holds no secret.

    Examples:
        >>> connect("redis+sentinel://a,b:5000/mymaster").connection_pool.service_name
        'mymaster'
        >>> connect("http://a")
        Traceback (most recent call last):
        ...
        stream_app.errors.Misconfigured: LIFECYCLE_REDIS: 'http://a' has no scheme of redis, rediss, unix, \
redis+sentinel, rediss+sentinel, redis+cluster, rediss+cluster
    """
    scheme = url.partition("://")[0]
    build = BUILDERS.get(scheme)
    if build is None:
        raise Misconfigured(f"{where}: {redacted(url)!r} has no scheme of {', '.join(BUILDERS)}")
    try:
        return build(url)
    except (ValueError, TypeError) as error:
        raise Misconfigured(f"{where}: {redacted(url)!r} is no Redis URL: {type(error).__name__}") from None


@contextmanager
def telling_redis(what: str) -> Iterator[None]:
    """Turns every way in which Redis can fail into one error that says *what* could not be done.

    Raises:
        RedisUnavailable: Instead of any error of Redis, of the network, or of time running out.
    """
    try:
        yield
    except (RedisError, OSError, TimeoutError) as error:
        detail = "no answer in time" if isinstance(error, TimeoutError) and not str(error) else str(error)
        raise RedisUnavailable(f"{what}: Redis: {detail}; {_advice(error)}") from error


async def eviction_of(client: AsyncRedis) -> str:
    """The policy by which Redis throws keys like ours away when it is full; empty if it keeps them, or does not say.

    A cache should; here websites would read now this customer and now that one as unknown, for what is missed is told again
    and throws away others. Our keys never expire, so policies that take only keys that do (``volatile-…``) let them be.

    Raises:
        RedisUnavailable: Redis does not answer.
    """
    with telling_redis("how Redis makes room is unknown"):
        try:
            if isinstance(client, RedisCluster):
                told: Any = await client.info("memory", target_nodes=RedisCluster.PRIMARIES)
                nodes = list(told.values())
            else:
                nodes = [await client.info("memory")]
        except ResponseError:  # a user without INFO
            return ""
    policies = [node.get("maxmemory_policy", "") for node in nodes]
    return next((policy for policy in policies if policy.startswith("allkeys")), "")


def _advice(error: Exception) -> str:
    if isinstance(error, AuthenticationError):
        return "check the user and password"
    if "OOM " in str(error):
        return "it is full: give it more memory (maxmemory), what waits is written then"
    if isinstance(error, ResponseError):
        return "it answers, and refuses this: see what its user may do, and its log"
    return "check that it runs"


def _server(url: str) -> AsyncRedis:
    return aioredis.Redis.from_url(url, **_bounds(url))


def _sentinel(url: str) -> AsyncRedis:
    options = _options(url)
    service, _, db = urlsplit(url).path.strip("/").partition("/")
    if not service:
        raise ValueError("no service")
    own = {name: options.pop(f"sentinel_{name}", None) for name in ("username", "password")}
    tls = {name: value for name, value in options.items() if name.startswith("ssl")}
    sentinel = Sentinel(  # type: ignore[no-untyped-call]  # redis-py leaves its constructor untyped
        hosts(url, SENTINEL_PORT), sentinel_kwargs={**_limits(), **tls, **own}, db=int(db or 0), **options
    )
    master: aioredis.Redis = sentinel.master_for(service)
    return master


def _cluster(url: str) -> AsyncRedis:
    nodes = [ClusterNode(host, port) for host, port in hosts(url, REDIS_PORT)]
    return RedisCluster(startup_nodes=nodes, **_options(url))


BUILDERS: dict[str, Callable[[str], AsyncRedis]] = {
    "redis": _server,
    "rediss": _server,
    "unix": _server,
    "redis+sentinel": _sentinel,
    "rediss+sentinel": _sentinel,
    "redis+cluster": _cluster,
    "rediss+cluster": _cluster,
}


def hosts(url: str, port: int) -> list[tuple[str, int]]:
    """The nodes that *url* names, each with its port or the default one.

    Raises:
        ValueError: A part of it is no address.

    Examples:
        >>> hosts("redis+cluster://user:secret@a:1,b", 6379)
        [('a', 1), ('b', 6379)]
    """
    found = []
    for part in urlsplit(url).netloc.rpartition("@")[2].split(","):
        one = urlsplit(f"//{part}")
        if not one.hostname:
            raise ValueError("no host")
        found.append((one.hostname, one.port or port))
    return found


def _options(url: str) -> dict[str, Any]:
    return {**_limits(), **url_options(url)}


def url_options(url: str) -> dict[str, Any]:
    """What user, password, query and scheme say, as keyword arguments of redis-py.

    Examples:
        >>> sorted(url_options("rediss+cluster://app:s3cret@a:1?ssl_cert_reqs=none").items())
        [('password', 's3cret'), ('ssl', True), ('ssl_cert_reqs', 'none'), ('username', 'app')]
    """
    parts = urlsplit(url)
    secret, at, _ = parts.netloc.rpartition("@")
    options: dict[str, Any] = dict(parse_url(f"redis://{secret}{at}host?{parts.query}"))
    options.pop("host")
    if parts.scheme.startswith("rediss"):
        options["ssl"] = True
    return options


def _bounds(url: str) -> dict[str, Any]:
    """The limits that the query of *url* does not set itself."""
    given = dict(parse_qsl(urlsplit(url).query))
    return {name: value for name, value in _limits().items() if name not in given}


def _limits() -> dict[str, Any]:
    return {
        "socket_connect_timeout": CONNECT_SECONDS,
        "socket_timeout": ANSWER_SECONDS,
        "retry": Retry(
            ExponentialBackoff(cap=0.2, base=0.05), RETRIES, supported_errors=(RedisConnectionError,)
        ),
        "health_check_interval": 30,
    }

"""The reader for websites that block: Flask, Django, WSGI. Threads may share it; a forked worker begins anew."""

import os
from contextlib import closing
from threading import Event, Thread
from time import monotonic
from typing import TYPE_CHECKING, Any, Self

import redis
import redis.cluster
import redis.sentinel
from redis.exceptions import RedisError, ResponseError

from stream_app.reader.connections import is_cluster, open_client, tracking
from stream_app.reader.core import BEAT_SECONDS, INVALIDATIONS, REFUSED_SECONDS, Core, pause
from stream_app.reader.kept import Kept
from stream_app.reader.lookup import Lookup
from stream_app.reader.profile import StageProfile

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["StageReader"]

_FAILURES = (RedisError, OSError)


class StageReader:
    """Reads stages; make one for the process and keep it.

    Args:
        url: Where Redis is: ``redis://``, ``rediss://``, ``unix://``, ``redis+sentinel://``, ``redis+cluster://``.
        default_stage: What a page gets for somebody who is not known, or while Redis is away.
        prefix: Configured prefix of the service.
        lifecycle: Name of a lifecycle that is not the first configured one.
        timeout: Seconds that a page may wait for a connection, and again for an answer.
        cache_size: Profiles that are kept; 0 keeps none.
        max_age: Seconds after which a kept profile is read again even if nobody said that it changed.
        max_stale: Seconds for which a kept profile is served while Redis is away.

    Raises:
        Misconfigured: The URL cannot be understood.

    Examples:
        >>> reader = StageReader("redis://127.0.0.1:1", default_stage="awareness", timeout=0.05)
        >>> reader.get("c-17").stage, reader.get("c-17").origin
        ('awareness', 'default')
        >>> reader.close()
    """

    def __init__(
        self,
        url: str,
        *,
        default_stage: str = "",
        prefix: str = "lifecycle",
        lifecycle: str | None = None,
        timeout: float = 0.1,
        cache_size: int = 10_000,
        max_age: float = 30.0,
        max_stale: float = 600.0,
    ) -> None:
        self._url = url
        self._lookup = Lookup(prefix, lifecycle, default_stage)
        self._sizes = cache_size, max_age, max_stale
        self._client: Any = open_client(url, redis, timeout)
        self._stop = Event()
        self._begin()

    def get(self, customer: str | None) -> StageProfile:
        """The stage of a customer, or of the one to whom an anonymous id belongs.

        Never raises for Redis, and waits at most for the timeout; see `StageProfile.origin`.

        Args:
            customer: Customer id or anonymous id; None or empty for a visitor without any.
        """
        if self._pid != os.getpid():
            self._begin()
        core = self._core
        served = core.without_asking(customer, monotonic())
        if served is not None or not customer:
            return served or core.instead("", monotonic())
        asking = core.kept.begin()
        try:
            return core.found(asking, customer, self._ask(core, customer), monotonic())
        except _FAILURES:
            return core.failed(customer, monotonic())
        finally:
            core.kept.end(asking)

    def close(self) -> None:
        """Let go of the connections."""
        self._stop.set()
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def _begin(self) -> None:
        """Begin with nothing kept, in this process."""
        self._pid = os.getpid()
        self._core = Core(self._lookup, Kept(*self._sizes))
        self._core.uses_script = not is_cluster(self._url)
        Thread(target=self._watch, args=(self._core,), name="stage-reader", daemon=True).start()

    def _ask(self, core: Core, asked: str) -> StageProfile:
        lookup = self._lookup
        if core.uses_script:
            try:
                return lookup.of_script(asked, self._client.eval(*lookup.script_call(asked)))
            except ResponseError:
                core.uses_script = False
        pipeline = self._client.pipeline(transaction=False)
        pipeline.get(lookup.alias_key(asked))
        pipeline.hgetall(lookup.hash_key(asked))
        alias, fields = pipeline.execute()
        if alias is None:
            return lookup.of_hash(asked, fields)
        customer = alias.decode()
        return lookup.of_hash(customer, self._client.hgetall(lookup.hash_key(customer)))

    # -------------------------------------------------------- in the background

    def _watch(self, core: Core) -> None:
        attempt = 0
        while not self._stop.is_set():
            try:
                if not self._listen(core, attempt):
                    core.gate.unwatched()
                    self._stop.wait(REFUSED_SECONDS)
            except _FAILURES:
                attempt = 0 if core.gate.watched else attempt + 1
                core.gate.broken()
                self._stop.wait(pause(attempt))

    def _listen(self, core: Core, attempt: int) -> bool:
        """Hear of changes until the connection breaks; False if Redis refuses to tell."""
        prefixes = self._lookup.prefixes

        def track(connection: Any) -> None:
            connection.on_connect()
            connection.send_command("CLIENT", "ID")
            connection.send_command(*tracking(connection.read_response(), prefixes))
            connection.read_response()

        ways: list[tuple[str, Callable[[Any], None] | None]] = [(self._lookup.channel, None)]
        if not is_cluster(self._url):
            ways.insert(0, (INVALIDATIONS, track))
        for channel, connect in ways:
            options = {"redis_connect_func": connect} if connect else {}
            with closing(open_client(self._url, redis, 1.0, node=attempt, **options)) as client:
                try:
                    self._hear(core, client, channel)
                except ResponseError:
                    continue
                return True
        return False

    def _hear(self, core: Core, client: Any, channel: str) -> None:
        with closing(client.pubsub()) as subscription:
            subscription.subscribe(channel)
            if subscription.get_message(timeout=1.0) is None:
                raise TimeoutError("no answer to SUBSCRIBE")
            core.attached()
            quiet = 0
            while not self._stop.is_set():
                message = subscription.get_message(timeout=BEAT_SECONDS)
                quiet = 0 if message else quiet + 1
                if quiet > 2:
                    raise TimeoutError("no answer to PING")
                if message is None:
                    subscription.ping()
                core.heard(message)

"""The reader for asyncio: Starlette, FastAPI, aiohttp. One event loop uses it."""

import asyncio
from contextlib import aclosing
from time import monotonic
from typing import TYPE_CHECKING, Any, Self

import redis.asyncio
import redis.asyncio.cluster
import redis.asyncio.retry
import redis.asyncio.sentinel
from redis.exceptions import RedisError, ResponseError

from stream_app.reader.connections import is_cluster, open_client, tracking
from stream_app.reader.core import BEAT_SECONDS, INVALIDATIONS, REFUSED_SECONDS, Core, pause
from stream_app.reader.kept import Kept
from stream_app.reader.lookup import Lookup
from stream_app.reader.profile import StageProfile

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

__all__ = ["AsyncStageReader"]

_FAILURES = (RedisError, OSError, TimeoutError)


class AsyncStageReader:
    """Reads stages; make one for the event loop and keep it. The same arguments as `StageReader`.

    Args:
        url: Where Redis is.
        default_stage: What a page gets for somebody who is not known, or while Redis is away.
        prefix: Configured prefix of the service.
        lifecycle: Name of a lifecycle that is not the first configured one.
        timeout: Seconds that a page may wait, for everything together.
        cache_size: Profiles that are kept; 0 keeps none.
        max_age: Seconds after which a kept profile is read again even if nobody said that it changed.
        max_stale: Seconds for which a kept profile is served while Redis is away.

    Raises:
        Misconfigured: The URL cannot be understood.
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
        self._core = Core(self._lookup, Kept(cache_size, max_age, max_stale))
        self._core.uses_script = not is_cluster(url)
        self._timeout = timeout
        self._client: Any = open_client(url, redis.asyncio, timeout)
        self._watching: asyncio.Task[None] | None = None
        self._closing = False

    async def get(self, customer: str | None) -> StageProfile:
        """The stage of a customer, or of the one to whom an anonymous id belongs.

        Never raises for Redis, and waits at most for the timeout; see `StageProfile.origin`.

        Args:
            customer: Customer id or anonymous id; None or empty for a visitor without any.
        """
        if self._watching is None:
            self._watching = asyncio.create_task(self._watch())
        core = self._core
        served = core.without_asking(customer, monotonic())
        if served is not None or not customer:
            return served or core.instead("", monotonic())
        asking = core.kept.begin()
        try:
            async with asyncio.timeout(self._timeout):
                profile = await self._ask(customer)
            return core.found(asking, customer, profile, monotonic())
        except _FAILURES:
            return core.failed(customer, monotonic())
        finally:
            core.kept.end(asking)

    async def aclose(self) -> None:
        """Let go of the connections."""
        self._closing = True  # redis-py loses a cancellation that comes while it connects
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.wait([self._watching])
        await self._client.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.aclose()

    async def _ask(self, asked: str) -> StageProfile:
        lookup, core = self._lookup, self._core
        if core.uses_script:
            try:
                return lookup.of_script(asked, await self._client.eval(*lookup.script_call(asked)))
            except ResponseError:
                core.uses_script = False
        pipeline = self._client.pipeline(transaction=False)
        pipeline.get(lookup.alias_key(asked))
        pipeline.hgetall(lookup.hash_key(asked))
        alias, fields = await pipeline.execute()
        if alias is None:
            return lookup.of_hash(asked, fields)
        customer = alias.decode()
        return lookup.of_hash(customer, await self._client.hgetall(lookup.hash_key(customer)))

    # -------------------------------------------------------- in the background

    async def _watch(self) -> None:
        core, attempt = self._core, 0
        while not self._closing:
            try:
                if not await self._listen(attempt):
                    core.gate.unwatched()
                    await asyncio.sleep(REFUSED_SECONDS)
            except _FAILURES:
                attempt = 0 if core.gate.watched else attempt + 1
                core.gate.broken()
                await asyncio.sleep(pause(attempt))

    async def _listen(self, attempt: int) -> bool:
        """Hear of changes until the connection breaks; False if Redis refuses to tell."""
        prefixes = self._lookup.prefixes

        async def track(connection: Any) -> None:
            await connection.on_connect()
            await connection.send_command("CLIENT", "ID")
            await connection.send_command(*tracking(await connection.read_response(), prefixes))
            await connection.read_response()

        ways: list[tuple[str, Callable[[Any], Awaitable[None]] | None]] = [(self._lookup.channel, None)]
        if not is_cluster(self._url):
            ways.insert(0, (INVALIDATIONS, track))
        for channel, connect in ways:
            options = {"redis_connect_func": connect} if connect else {}
            client = open_client(self._url, redis.asyncio, 1.0, node=attempt, **options)
            async with aclosing(client):
                try:
                    await self._hear(client, channel)
                except ResponseError:
                    continue
                return True
        return False

    async def _hear(self, client: Any, channel: str) -> None:
        core = self._core
        async with aclosing(client.pubsub()) as subscription:
            await subscription.subscribe(channel)
            if await subscription.get_message(timeout=1.0) is None:
                raise TimeoutError("no answer to SUBSCRIBE")
            core.attached()
            quiet = 0
            while not self._closing:
                message = await subscription.get_message(timeout=BEAT_SECONDS)
                quiet = 0 if message else quiet + 1
                if quiet > 2:
                    raise TimeoutError("no answer to PING")
                if message is None:
                    await subscription.ping()
                core.heard(message)

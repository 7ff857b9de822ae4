"""T3, T4: Kafka and Redis die, hang, forget and dawdle."""

import time

from stream_app.embedded import EmbeddedServices
from tests.bench.faults.scene import Outcome, Scene, Size, scene
from tests.bench.faults.verdict import ask


def broker(services: EmbeddedServices, seed: int, size: Size) -> Outcome:
    """T3: the broker is killed and started again, and is stopped for longer than two sessions."""
    with scene(services, "T3", seed, size) as here:
        here.begin()
        for _ in range(max(1, size.faults // 2)):
            here.rest(1.0, 4.0)
            here.fault()
            services.broker.kill()
            here.rest(0.0, 3.0)
            services.broker.start()
            here.await_progress(0.4)
            here.rest(0.0, 2.0)
            here.fault()
            services.broker.pause()
            try:
                time.sleep(min(20.0, 2.2 * size.session))
            finally:
                services.broker.resume()
        return here.judge()


def redis(services: EmbeddedServices, seed: int, size: Size) -> Outcome:
    """T4: Redis is killed and away for a while, is slow, and loses everything; scoring goes on meanwhile."""
    with scene(services, "T4", seed, size) as here:
        here.begin()
        here.rest(1.0, 3.0)
        here.fault()
        services.redis.kill()
        before = here.done()
        here.rest(3.0, 5.0)
        here.outcome.more["scored_while_redis_was_away"] = here.done() - before
        services.redis.start()
        here.rest(0.5, 2.0)
        here.fault()
        for _ in range(3):
            ask(here.tenant, "CLIENT", "PAUSE", "1500")
            here.rest(1.5, 2.0)
        here.fault()
        here.crew.kill(here.chance.randrange(2))  # its successor knows nothing of what it had pushed
        return here.judge()


def forgetful_redis(services: EmbeddedServices, seed: int, size: Size) -> Outcome:
    """T4: Redis loses everything in mid-stream; it is told again without being asked."""
    with scene(services, "T4-flush", seed, size) as here:
        here.begin()
        here.await_progress(0.4)
        here.fault()
        ask(here.tenant, "FLUSHALL")
        here.rest(0.0, 3.0)
        here.crew.kill(here.chance.randrange(2))
        _await_rebuilt(here)
        return here.judge(republished=True)


def _await_rebuilt(here: Scene) -> None:
    """Wait until no partition's ledger says that something is missing."""
    here.drain()
    end = time.monotonic() + here.size.patience
    while True:
        ledgers = here.tenant.redis(_ledgers(here.tenant.prefix))
        if len(ledgers) == here.size.partitions and not any(b"lost" in each for each in ledgers):
            return
        assert time.monotonic() < end, f"Redis was not rebuilt: {ledgers}; {here.crew.last_words()}"
        time.sleep(0.3)


def _ledgers(prefix: str):  # type: ignore[no-untyped-def]  # noqa: ANN202
    async def reading(client):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        return [
            await client.hgetall(key)
            async for key in client.scan_iter(match=f"{{{prefix}:stage-counts}}:partition:*")
        ]

    return reading

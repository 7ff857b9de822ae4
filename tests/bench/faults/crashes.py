"""T1, T2, T6: workers that die, that die while the broker stalls, and that come back from a long sleep."""

import time
from collections.abc import Iterator

from stream_app.embedded import EmbeddedServices
from tests.bench.faults.scene import Outcome, Scene, Size, scene
from tests.bench.faults.traffic import Planned

STOCK = ("-m", "stream_app")


def killed(services: EmbeddedServices, seed: int, size: Size, program: tuple[str, ...] = STOCK) -> Outcome:
    """T1: one of two workers is killed with -9 at random moments, again and again."""
    with scene(services, "T1", seed, size, program) as here:
        here.begin()
        return kill_at_random(here)


def kill_at_random(here: Scene) -> Outcome:
    """Kill either worker at random moments of the traffic, then judge."""
    pace = here.size.seconds / here.size.faults
    for _ in range(here.size.faults):
        here.rest(0.3 * pace, 1.2 * pace)
        here.fault()
        here.crew.kill(here.chance.randrange(2))
    return here.judge()


def killed_in_a_stall(
    services: EmbeddedServices, seed: int, size: Size, program: tuple[str, ...] = STOCK
) -> Outcome:
    """T2: the broker stalls in the middle of a burst, and a worker dies before it goes on."""
    with scene(services, "T2", seed, size, program) as here:
        for _ in amid_bursts(here):
            here.fault()
            services.broker.pause()
            try:
                here.rest(0.5, 2.5)
                here.crew.kill(here.chance.randrange(2))
                here.rest(0.0, 0.5)
            finally:
                services.broker.resume()
        return here.judge()


def paused(services: EmbeddedServices, seed: int, size: Size, program: tuple[str, ...] = STOCK) -> Outcome:
    """T6: a worker falls asleep amid a burst for longer than its session, others take over, it wakes up.

    At its first awakening the others are ahead of it in everything, later they may be still at it.
    """
    with scene(services, "T6", seed, size, program) as here:
        for number, rest in enumerate(amid_bursts(here, 0.7)):
            victim = here.chance.randrange(2)
            here.fault()
            here.crew.pause(victim)
            time.sleep(1.2 * size.session)
            here.feed(rest, 0.0)
            if number % 2:
                here.rest(0.0, size.session)
            else:
                here.await_records(here.planned, 60.0)
            here.crew.resume(victim)
            here.rest(1.0, 3.0)
        return here.judge()


def amid_bursts(here: Scene, share: float = 1.0) -> Iterator[list[Planned]]:
    """Send the traffic in as many bursts as there are faults; stop while the workers have only begun with one.

    All of them have partitions then, and take small bites, so that each has something on its way at any moment.

    Args:
        here: The scene.
        share: How much of a burst to send; the rest is handed over, to be sent by who stops here.
    """
    here.tenant.environment["LIFECYCLE_WORKER__BATCH_RECORDS"] = "20"
    planned = here.usual()
    length = -(-len(planned) // here.size.faults)
    for slot in range(2):
        here.crew.start(slot)
    for start in range(0, len(planned), length):
        sent = int(share * len(planned[start : start + length]))
        burst, rest = planned[start : start + sent], planned[start + sent : start + length]
        if start:
            here.drain()
        here.crew.await_shares()
        here.feed(burst, 0.0)
        here.await_records(start + len(burst) // 20)
        yield rest

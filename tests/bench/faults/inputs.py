"""T7, T8, T11: what producers do wrong."""

import time

from state import DAY, HOUR
from stream_app.embedded import EmbeddedServices
from tests.bench.faults.scene import Outcome, Scene, Size, scene
from tests.bench.faults.traffic import Planned, Worth, disordered, doubled, event, mixed, poison, shop
from tests.integration.workers import partition_of


def poisoned(services: EmbeddedServices, seed: int, size: Size) -> Outcome:
    """T7: every tenth record is rubbish, one is five megabytes long, and a worker dies meanwhile."""
    with scene(services, "T7", seed, size) as here:
        rubbish = poison(seed, size.events // 10, size.partitions)
        _work(here, mixed(here.usual(), rubbish, seed))
        return here.outcome


def misplaced(services: EmbeddedServices, seed: int, size: Size) -> Outcome:
    """T11: a producer with another partitioner; its events are refused and an alarm says so."""
    with scene(services, "T11", seed, size) as here:
        astray = [
            each._replace(
                worth=Worth(),
                refused="wrong_partition",
                partition=(partition_of(each.key or b"", size.partitions) + 1) % size.partitions,
            )
            for each in shop(seed + 1, size.events // 10, size.customers, here.end_of_time, name="astray")
        ]
        _work(here, mixed(here.usual(), astray, seed))
        here.outcome.verdict.differ("alarm", {"raised": _is_alarm_raised(here)}, {"raised": True})
        return here.outcome


def _work(here: Scene, planned: list[Planned]) -> None:
    here.begin(planned=planned)
    here.await_progress(0.3)
    here.fault()
    here.crew.kill(here.chance.randrange(2))
    here.judge()


def _is_alarm_raised(here: Scene) -> bool:
    pages = here.crew.metrics(patience=2).values()
    return any(b'lifecycle_dead_letters_total{reason="wrong_partition"}' in page for page in pages)


def untidy(services: EmbeddedServices, seed: int, size: Size) -> Outcome:
    """T8: a fifth sent twice, all in disorder within an hour; then events a month late, and events from the future.

    Arithmetic knows how many messages there are; the oracle knows what was late when it came.
    """
    with scene(services, "T8", seed, size) as here:
        end = here.end_of_time
        usual = shop(seed, size.events, size.customers, end - HOUR, span=3 * DAY)
        here.begin(planned=doubled(disordered(usual, seed), seed, 0.2))
        here.await_progress(0.5)
        here.fault()
        here.crew.kill(here.chance.randrange(2))
        here.drain()
        late = [
            event(
                f"late-{number}",
                f"c{here.chance.randrange(size.customers)}",
                "purchases",
                "Order Completed",
                at,
            )
            for number, at in enumerate(
                end - here.chance.randrange(25, 35) * DAY for _ in range(size.events // 20)
            )
        ]
        here.feed(late, 2.0)
        here.drain()
        now = time.time_ns() // 1_000_000 * 1000
        soon = [
            event(
                f"soon-{number}",
                f"c{number}",
                "purchases",
                "Order Completed",
                now + 12 * HOUR + number * 1000,
            )
            for number in range(20)
        ]
        far = [
            event(f"far-{number}", f"c{number}", "purchases", "Order Completed", now + 3 * DAY)._replace(
                at=None, worth=Worth(), refused="future_timestamp"
            )
            for number in range(20)
        ]
        here.feed(mixed(soon, far, seed), 2.0)
        here.fault()
        here.crew.kill(here.chance.randrange(2))
        return here.judge()

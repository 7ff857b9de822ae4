"""T5: workers come and go, faster than the group settles, and before anything was ever committed."""

from stream_app.embedded import EmbeddedServices
from tests.bench.faults.scene import Outcome, Size, scene


def storm(services: EmbeddedServices, seed: int, size: Size) -> Outcome:
    """T5: workers are added, stopped in order and killed, every few seconds."""
    with scene(services, "T5", seed, size) as here:
        here.begin(1)
        running, fresh = {0}, 1
        codes: list[int] = []
        pace = size.seconds / (2 * size.faults)
        for _ in range(2 * size.faults):
            here.rest(0.5 * pace, 1.2 * pace)
            here.fault()
            what = here.chance.choice(["add", "add", "stop", "kill"]) if len(running) > 1 else "add"
            if what == "add" and len(running) < 4:
                here.crew.start(fresh)
                running.add(fresh)
                fresh += 1
                continue
            victim = here.chance.choice(sorted(running))
            running.discard(victim)
            if what == "kill":
                here.crew.kill(victim, restart=False)
            else:
                codes.append(here.crew.stop(victim))
        here.outcome.more["exit_codes_when_told_to_stop"] = codes
        return here.judge()


def joined(services: EmbeddedServices, seed: int, size: Size) -> Outcome:
    """T5: workers join while the very first records come, of partitions that nobody has committed yet."""
    with scene(services, "T5-join", seed, size) as here:
        here.begin(3, seconds=4.0)
        here.fault()  # the others join now
        return here.judge()

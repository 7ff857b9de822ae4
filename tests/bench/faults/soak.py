"""T13: half of what the workers can do, for a long time, with faults now and then."""

import time

import psutil

from stream_app.embedded import EmbeddedServices
from tests.bench.faults.feeder import EVERY_S
from tests.bench.faults.figures import SETTLING
from tests.bench.faults.scene import Outcome, Scene, Size, scene
from tests.bench.faults.traffic import endless, shop

_LOOK_EVERY_S = 10.0
_SPAN = 1 << 42
"""Event time (µs) that the traffic covers: 50 days."""


def soak(services: EmbeddedServices, seed: int, size: Size) -> Outcome:
    """T13: memory, open files and lag of two workers at half their capacity; now and then one is killed or Redis is away.

    What they can do is measured first, with a tenth of the traffic sent at once.
    """
    with scene(services, "T13", seed, size) as here:
        capacity = _capacity(here)
        rate = capacity / 2
        here.outcome.more |= {"capacity_per_second": round(capacity, 1), "rate_per_second": round(rate, 1)}
        slices = int(size.seconds / EVERY_S)
        start = here.end_of_time - _SPAN
        here.feed_slices(
            endless(seed, rate, slices, EVERY_S, size.customers, start, _SPAN), slices, size.seconds
        )
        samples = _look(here)
        here.outcome.more |= _figures(samples)
        return here.judge()


def _capacity(here: Scene) -> float:
    end = here.end_of_time - (_SPAN)
    here.begin(
        planned=shop(here.outcome.seed + 1, here.size.events, here.size.customers, end, name="c"), seconds=0.0
    )
    here.await_progress(0.1)
    started, before = time.monotonic(), here.done()
    here.await_progress(0.95, 600.0)
    capacity = (here.done() - before) / (time.monotonic() - started)
    here.drain()  # the next producer's ticks are true only when this one's events have all been sent
    return capacity


def _look(here: Scene) -> list[tuple[int, int]]:
    """Open files and lag of the worker that is never killed, over time."""
    samples = []
    started = time.monotonic()
    due = here.size.seconds / (here.size.faults + 1)
    while (at := time.monotonic() - started) < here.size.seconds:
        time.sleep(_LOOK_EVERY_S)
        process = psutil.Process(here.crew.pid(0))
        samples.append((process.num_fds(), sum(here.sent()) - here.done()))
        if at > due * (here.outcome.faults + 1) and here.outcome.faults < here.size.faults:
            here.fault()
            if here.outcome.faults % 2:
                here.crew.kill(1)
            else:
                here.services.redis.pause()
                time.sleep(5.0)
                here.services.redis.resume()
    return samples


def _figures(samples: list[tuple[int, int]]) -> dict[str, float]:
    settled = samples[int(len(samples) * SETTLING) :]
    return {
        "open_files_first": settled[0][0],
        "open_files_last": settled[-1][0],
        "largest_lag": max(lag for _, lag in settled),
    }

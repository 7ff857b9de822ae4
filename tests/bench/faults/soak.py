"""T13: half of what the workers can do, for a long time, with faults now and then."""

import time

import psutil

from stream_app.embedded import EmbeddedServices
from tests.bench.faults.scene import Outcome, Scene, Size, scene
from tests.bench.faults.traffic import shop

_LOOK_EVERY_S = 10.0
_SETTLING = 0.25
"""Share of the time after which memory is expected to grow no more: caches and customers have filled."""


def soak(services: EmbeddedServices, seed: int, size: Size) -> Outcome:
    """T13: memory, open files and lag of two workers at half their capacity; now and then one is killed or Redis is away.

    What they can do is measured first, with a tenth of the traffic sent at once.
    """
    with scene(services, "T13", seed, size) as here:
        capacity = _capacity(here)
        rate = capacity / 2
        here.outcome.more |= {"capacity_per_second": round(capacity, 1), "rate_per_second": round(rate, 1)}
        end = time.time_ns() // 1_000_000_000 * 1_000_000
        here.feed(shop(seed, int(rate * size.seconds), size.customers, end, span=1 << 42), size.seconds)
        samples = _look(here)
        here.outcome.more |= _figures(samples)
        return here.judge()


def _capacity(here: Scene) -> float:
    end = here.end_of_time - (1 << 42)
    here.begin(
        planned=shop(here.outcome.seed + 1, here.size.events, here.size.customers, end, name="c"), seconds=0.0
    )
    here.await_progress(0.1)
    started, before = time.monotonic(), here.done()
    here.await_progress(0.95, 600.0)
    return (here.done() - before) / (time.monotonic() - started)


def _look(here: Scene) -> list[tuple[float, int, int, int]]:
    """Seconds, resident bytes, open files and lag, by worker process that lives through it."""
    samples = []
    started = time.monotonic()
    due = here.size.seconds / (here.size.faults + 1)
    while (at := time.monotonic() - started) < here.size.seconds:
        time.sleep(_LOOK_EVERY_S)
        process = psutil.Process(here.crew.pid(0))  # the one that is never killed
        samples.append((at, process.memory_info().rss, process.num_fds(), sum(here.sent()) - here.done()))
        if at > due * (here.outcome.faults + 1) and here.outcome.faults < here.size.faults:
            here.fault()
            if here.outcome.faults % 2:
                here.crew.kill(1)
            else:
                here.services.redis.pause()
                time.sleep(5.0)
                here.services.redis.resume()
    return samples


def _figures(samples: list[tuple[float, int, int, int]]) -> dict[str, float]:
    settled = samples[int(len(samples) * _SETTLING) :]
    times = [at / 3600 for at, *_ in settled]
    sizes = [resident / 2**20 for _, resident, *_ in settled]
    files = [count for _, _, count, _ in settled]
    return {
        "resident_mib_first": round(sizes[0], 1),
        "resident_mib_last": round(sizes[-1], 1),
        "resident_mib_per_hour": round(_slope(times, sizes), 2),
        "open_files_first": files[0],
        "open_files_last": files[-1],
        "largest_lag": max(lag for *_, lag in settled),
    }


def _slope(times: list[float], values: list[float]) -> float:
    """Least squares."""
    middle, mean = sum(times) / len(times), sum(values) / len(values)
    spread = sum((at - middle) ** 2 for at in times)
    return sum((at - middle) * (value - mean) for at, value in zip(times, values, strict=True)) / (
        spread or 1.0
    )

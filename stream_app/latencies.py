"""How long things take, for Prometheus: a histogram that many of them enter at once."""

from bisect import bisect_left
from collections.abc import Iterator
from itertools import accumulate
from typing import Final

from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector

__all__ = ["SECONDS", "Latencies"]

SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
"""Upper bounds (s) of what is measured; there is one bucket more for the rest."""


class Latencies(Collector):
    """Durations in seconds, in buckets.

    The histogram of the client library takes one observation at a time. Those who finish together have waited equally
    long, and a call for each of them would cost more than the rest of what is counted.

    Args:
        name: Name of the metric.
        text: What it says.

    Examples:
        >>> latencies = Latencies("wait_seconds", "Waiting")
        >>> latencies.observe(0.3, 1000)
        >>> latencies.observe(99.0)
        >>> (family,) = latencies.collect()
        >>> [(sample.labels["le"], sample.value) for sample in family.samples[7:10]]
        [('0.25', 0.0), ('0.5', 1000.0), ('1.0', 1000.0)]
        >>> family.samples[-2].value, family.samples[-1].value
        (1001.0, 399.0)
    """

    def __init__(self, name: str, text: str) -> None:
        self._name, self._text = name, text
        self._counts = [0] * (len(SECONDS) + 1)
        self._sum = 0.0

    def observe(self, seconds: float, times: int = 1) -> None:
        """Note that so many took so long."""
        self._counts[bisect_left(SECONDS, seconds)] += times
        self._sum += seconds * times

    def collect(self) -> Iterator[HistogramMetricFamily]:
        """Give the buckets, which add up."""
        bounds = [*(str(float(bound)) for bound in SECONDS), "+Inf"]
        totals = accumulate(list(self._counts))
        buckets = [(bound, float(total)) for bound, total in zip(bounds, totals, strict=True)]
        yield HistogramMetricFamily(self._name, self._text, buckets=buckets, sum_value=self._sum)

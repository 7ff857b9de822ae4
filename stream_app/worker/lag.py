"""How far a worker is behind, as Prometheus is told."""

from typing import NamedTuple

__all__ = ["Lag"]


class Lag(NamedTuple):
    """How far one partition of a topic is behind.

    Attributes:
        topic: Full name.
        partition: Its number.
        events: Events that are not folded and published.
        seconds: Since the oldest of them came to Kafka.
        watermark: Event time (s, Unix) that the partition has come to; 0 before the first event.
    """

    topic: str
    partition: int
    events: int
    seconds: float
    watermark: float

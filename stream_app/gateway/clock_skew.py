"""When did it really happen: event times corrected for clocks that go wrong.

Sender and receiver clocks are compared at the moment of sending, as in the Segment spec:
``timestamp = receivedAt - (sentAt - originalTimestamp)``. A sender that does not say when it sent is believed.
"""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from state import SECOND, parse_instant


class Arrival:
    """When a request arrived, and how far its sender's clock is off.

    Args:
        received_at: Instant of arrival (µs).
        sent_at: When the sender says that it sent, as sent; anything unreadable counts as not said.

    Attributes:
        received_at: As given.
        received: The same as text.
        end: What follows the event time in the usual event: the time of arrival, and the end of the object.
        skew: What to add to the sender's instants (µs); 0 if it did not say when it sent.

    Examples:
        >>> arrival = Arrival(1795356617000000, "2026-11-22T13:10:16.500Z")
        >>> arrival.skew
        3600500000
    """

    __slots__ = ("end", "received", "received_at", "skew")

    def __init__(self, received_at: int, sent_at: Any = None) -> None:
        self.received_at = received_at
        self.received = text_of(received_at)
        self.end = f'","receivedAt":"{self.received}"}}'.encode()
        self.skew = self.skew_of(sent_at)

    def skew_of(self, sent_at: Any) -> int:
        """What to add to instants of a sender that sent at *sent_at*."""
        if sent_at is None or sent_at == "":
            return 0
        try:
            return self.received_at - parse_instant(sent_at)
        except (ValueError, OverflowError, TypeError):
            return 0


def text_of(instant: int) -> str:
    """Write an instant as `state.format_instant` does, at a third of the cost for instants close together.

    Args:
        instant: Microseconds since 1970.

    Raises:
        ValueError: If it lies outside the years 1 to 9999.

    Examples:
        >>> text_of(1795356616735000), text_of(1795356616000000)
        ('2026-11-22T14:10:16.735000Z', '2026-11-22T14:10:16.000000Z')
    """
    seconds, micros = divmod(instant, SECOND)
    return f"{_second(seconds)}.{micros:06d}Z"


@lru_cache(maxsize=4096)
def _second(seconds: int) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    except (OverflowError, OSError) as error:
        raise ValueError(f"{seconds} s lie outside the years that can be written") from error

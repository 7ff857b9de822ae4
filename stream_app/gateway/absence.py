"""How is it told that Kafka is away? When that begins, rarely while it lasts, and when it is over."""

from collections.abc import Callable
from typing import Final

import structlog

__all__ = ["Absence"]

_RARELY_S: Final = 300.0
_log: Final = structlog.get_logger(__name__)


class Absence:
    """Logs one absence of Kafka, however often it is noticed; `/readyz` says at any time why.

    Args:
        clock: Seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._since: float | None = None
        self._told = 0.0

    def noticed(self, reason: str) -> None:
        """Kafka does not answer, once more."""
        now = self._clock()
        if self._since is None:
            self._since = self._told = now
            _log.warning("kafka is away", reason=reason)
        elif now - self._told >= _RARELY_S:
            self._told = now
            _log.warning("kafka is still away", reason=reason, seconds=round(now - self._since))

    def over(self, kafka: str) -> None:
        """Kafka answers.

        Args:
            kafka: Where it is.
        """
        lasted = {} if self._since is None else {"away_seconds": round(self._clock() - self._since)}
        _log.info("kafka is there", kafka=kafka, **lasted)
        self._since = None

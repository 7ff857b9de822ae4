"""Which destinations are not read for at the moment?"""

from collections.abc import Iterable

__all__ = ["Readiness"]


class Readiness:
    """The destinations of a deliver process that have not joined their consumer groups.

    Args:
        destinations: Their names.

    Examples:
        >>> readiness = Readiness(["crm", "mail"])
        >>> readiness.joined("mail")
        >>> readiness.check()
        'not in the consumer group yet: crm'
        >>> readiness.joined("crm")
        >>> readiness.check()
    """

    def __init__(self, destinations: Iterable[str]) -> None:
        self._waiting = dict.fromkeys(destinations)

    def joined(self, destination: str) -> None:
        """Note that Kafka has said what a destination reads."""
        self._waiting.pop(destination, None)

    def check(self) -> str | None:
        """What is missing, in one sentence; ``None`` when nothing is."""
        waiting = list(self._waiting)
        return f"not in the consumer group yet: {', '.join(waiting)}" if waiting else None

"""How does a library that complains several times a second leave room for what else is to be read?"""

import logging
from typing import Final

__all__ = ["Repetition"]

_RARELY_S: Final = 60.0
_LIBRARY: Final = "aiokafka"


class Repetition(logging.Filter):
    """Lets the same words of aiokafka through once a minute, and says how often they were left out.

    A client whose broker is away tries again and again and logs each attempt; what the service itself says is
    never left out.
    """

    def __init__(self) -> None:
        super().__init__()
        self._told: dict[tuple[str, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether to write a record; it then says how often it was left out before."""
        if record.name.partition(".")[0] != _LIBRARY:
            return True
        words, now = record.getMessage(), record.created
        since, left_out = self._told.get((record.name, words), (0.0, 0))
        if 0 <= now - since < _RARELY_S:  # a clock that was set back begins anew
            self._told[record.name, words] = since, left_out + 1
            return False
        self._forget(now)
        self._told[record.name, words] = now, 0
        if left_out:
            record.msg, record.args = f"{words} (and {left_out} times more before)", None
        return True

    def _forget(self, now: float) -> None:
        """Keep only what may come again soon: words differ without end."""
        self._told = {key: told for key, told in self._told.items() if abs(now - told[0]) < 2 * _RARELY_S}

"""What kind of step is a move from one stage to another, and does it begin a new cycle?"""

from collections.abc import Sequence
from typing import Final

from scorers.definition import Stage

FIRST_CYCLE: Final = 1


class Journey:
    """Every possible move of a lifecycle, named once.

    Args:
        stages: The stages in file order.
    """

    def __init__(self, stages: Sequence[Stage]) -> None:
        self._lost = tuple(stage.lost for stage in stages)
        self._reasons = {
            (before, after): self._name(before, after)
            for before in range(-1, len(stages))
            for after in range(len(stages))
            if before != after
        }

    def reason(self, before: int, after: int) -> str:
        """``entered``, ``advanced``, ``skipped``, ``returned``, ``lapsed`` or ``reactivated``.

        Raises:
            KeyError: If *before* is *after*: staying is no move.
        """
        return self._reasons[before, after]

    def next_cycle(self, before: int, after: int, cycle: int) -> int:
        """The number of the cycle after the move."""
        if before < 0:
            return FIRST_CYCLE
        return cycle + 1 if self._lost[before] and not self._lost[after] else cycle

    def _name(self, before: int, after: int) -> str:
        if before < 0:
            return "entered"
        if self._lost[after] and (after > before or not self._lost[before]):
            return "lapsed"
        if self._lost[before] and not self._lost[after]:
            return "reactivated"
        if after < before:
            return "returned"
        # Nobody has to be lost on the way up: lost stages in between are not skipped.
        return "skipped" if not all(self._lost[before + 1 : after]) else "advanced"

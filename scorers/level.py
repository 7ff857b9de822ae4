"""Is the closed form off for everybody alike, and does that last?

Labels are a horizon old. A shop whose customers came back more often than expected in spring may see the opposite by
Christmas, so what was wrong then says little about now, unless it has been about as wrong all the time. The error is
therefore measured block by block, and believed the more the larger it is beside what may be season.
"""

from typing import Final

from scorers.closed_form import probability

SEASON: Final = 0.8
"""Variance of the error that comes and goes (in log odds): two in three periods are within 0.9 of their mean."""
MEMORY: Final = 0.97  # what a block counts when the next one is complete
LEAST: Final = 20.0  # information (about four times as many examples) below which a block goes on


class Level:
    """The lasting error of log odds, about zero unless it is large.

    Attributes:
        value: To be added to the log odds.
    """

    def __init__(self) -> None:
        self.value = 0.0
        self._mean = 0.0
        self._blocks = 0.0
        self._block = float("-inf")
        self._off = 0.0
        self._information = 0.0

    def learn(self, block: float, log_odds: float, label: int) -> None:
        """Take an answer.

        Args:
            block: Number of the period in which the question was asked; an earlier one counts to the current.
            log_odds: What is said of it without this level.
            label: 1 for churned.

        Examples:
            >>> level = Level()
            >>> for number in range(2_000):
            ...     level.learn(number // 200, 0.0, int(number % 10 == 0))
            >>> -1.6 < level.value < -1.0
            True
        """
        if block > self._block:
            if self._information > LEAST:
                self._mean, self._blocks = self._seen()
                self._off = self._information = 0.0
            self._block = block
        chance = probability(log_odds)
        self._off += label - chance
        self._information += chance * (1.0 - chance)
        if self._information > LEAST:
            mean, blocks = self._seen()
            square = mean * mean
            self.value = mean * square / (square + SEASON * (1.0 + 1.0 / blocks))

    def _seen(self) -> tuple[float, float]:
        """Give the mean error of all blocks with the current one, and how many they are worth."""
        error = self._off / self._information  # one step of Newton's towards the level of the block
        blocks = self._blocks * MEMORY + 1.0
        return self._mean + (error - self._mean) / blocks, blocks

"""What the simulator makes, touches of customers, and the dice that they are drawn with."""

import random
from dataclasses import dataclass
from typing import Any, NamedTuple

from state.instants import DAY, HOUR, MINUTE, SECOND

__all__ = ["DAY", "HOUR", "MINUTE", "SECOND", "Order", "Person", "Touch", "warmth"]


class Touch(NamedTuple):
    """A simulated event before it has its id and its bytes.

    Args:
        at: Event time in microseconds since 1970 UTC.
        event: Event name as in the wire format; with a leading `/` the name of a page that was looked at.
        properties: Its properties.
    """

    at: int
    event: str
    properties: dict[str, Any]


class Order(NamedTuple):
    """A real order or return: what the simulator knows of reality.

    Args:
        at: Event time in microseconds since 1970 UTC.
        is_return: Whether goods came back instead.
    """

    at: int
    is_return: bool


@dataclass(frozen=True, slots=True)
class Person:
    """Traits of a customer, drawn without looking at what they ever bought.

    Args:
        dice: The customer's own source of randomness, so that nobody's touches depend on who else is
            simulated.
        curiosity: How often they browse, 1 on average.
        attention: How readily they open an e-mail, 0 to 1.
        voice: How readily they speak about the shop, 1 on average.
        subscribed: Whether they take the newsletter with their first order.
    """

    dice: random.Random
    curiosity: float
    attention: float
    voice: float
    subscribed: bool

    @classmethod
    def draw(cls, seed: int, customer: str) -> "Person":
        """Draw the traits of *customer*: the same for the same seed, on every machine.

        Examples:
            >>> Person.draw(7, "13085").attention == Person.draw(7, "13085").attention
            True
        """
        dice = random.Random(f"{seed}:{customer}")  # noqa: S311 - a simulation, no secret
        return cls(
            dice=dice,
            curiosity=dice.gammavariate(2.0, 0.5),
            attention=dice.betavariate(2.0, 4.0),
            voice=dice.gammavariate(1.0, 1.0),
            subscribed=dice.random() < 0.4,
        )

    def happens(self, probability: float) -> bool:
        """Toss a coin that shows heads with *probability*."""
        return self.dice.random() < probability

    def after(self, mean: int) -> int:
        """Draw a waiting time in microseconds, exponential with *mean*; at least a second."""
        return SECOND + int(self.dice.expovariate(1.0) * mean)

    def times(self, mean: float) -> int:
        """Draw how often something happens, Poisson with *mean* (Knuth; *mean* below some dozens)."""
        count, level = -1, 0.0
        while level < mean:
            level += self.dice.expovariate(1.0)
            count += 1
        return max(count, 0)


def warmth(silence: int, half_life: int) -> float:
    """Tell how warm a customer still is after *silence* since the last order: 1, halving every *half_life*.

    Examples:
        >>> warmth(30 * DAY, half_life=30 * DAY)
        0.5
    """
    return float(2.0 ** (-silence / half_life))

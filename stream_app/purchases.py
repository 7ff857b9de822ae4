"""Who bought for how much, and when: what "the same as last period" is answered from."""

from array import array
from bisect import bisect_left, bisect_right

__all__ = ["Purchases"]

_REMEMBERED = 32
"""Latest purchases of a customer among which a second delivery is recognised."""


class Purchases:
    """The purchases of everybody, three numbers each.

    Examples:
        >>> purchases = Purchases()
        >>> purchases.note("ann", 100, 2_000_000, 7)
        >>> purchases.note("ann", 100, 2_000_000, 7)  # the same message once more
        >>> purchases.note("ann", 200, 3_000_000, 8)
        >>> purchases.spent("ann", 100, 200), purchases.spent("ann", 101, 201), purchases.spent("bob", 0, 9)
        (2.0, 3.0, 0.0)
        >>> purchases.join("bob", "ann", 150)  # as whom bob had bought
        >>> purchases.spent("bob", 0, 150), purchases.spent("bob", 0, 201), purchases.brought("bob", 150)
        (0.0, 5.0, 2000000)
    """

    def __init__(self) -> None:
        self._by_customer: dict[str, tuple[array[int], array[int], array[int]]] = {}
        self._joined: dict[str, dict[str, int]] = {}

    def note(self, customer: str, at: int, amount: int, message: int) -> None:
        """Take a purchase.

        Args:
            customer: Customer id.
            at: Event time (µs).
            amount: Micro-units of the base currency.
            message: The message's number; a second delivery has the same.
        """
        known = self._by_customer.get(customer)
        if known is None:
            known = self._by_customer[customer] = (array("q"), array("q"), array("Q"))
        instants, amounts, messages = known
        if message in messages[-_REMEMBERED:]:
            return
        place = bisect_right(instants, at)
        instants.insert(place, at)
        amounts.insert(place, amount)
        messages.insert(place, message)

    def join(self, customer: str, other: str, at: int) -> None:
        """Note that at an instant (µs) another id turned out to be the customer's."""
        self._joined.setdefault(customer, {})[other] = at

    def part(self, customer: str, other: str) -> None:
        """Note that the other id is none of the customer's."""
        self._joined.get(customer, {}).pop(other, None)

    def spent(self, customer: str, start: int, stop: int) -> float:
        """What a customer spent from *start* up to, not including, *stop* (µs), in the base currency.

        With what was spent under other ids, if it was known by *stop* whose they are.
        """
        others = [other for other, at in self._joined.get(customer, {}).items() if at < stop]
        return sum(self._micros(each, start, stop) for each in (customer, *others)) / 1e6

    def brought(self, customer: str, since: int) -> int:
        """What ids that have turned out to be the customer's since an instant (µs) had spent before it, micro-units."""
        joined = self._joined.get(customer, {})
        return sum(self._micros(other, 0, since) for other, at in joined.items() if at >= since)

    def _micros(self, name: str, start: int, stop: int) -> int:
        known = self._by_customer.get(name)
        if known is None:
            return 0
        instants, amounts, _ = known
        return sum(amounts[bisect_left(instants, start) : bisect_left(instants, stop)])

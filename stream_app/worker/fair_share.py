"""How much of a run may one customer take? What it owes lies in its profile until it is delivered: in one record."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from stream_app.alignment import Arrived
from stream_app.effects import Refused

__all__ = ["MOST", "fitting"]

MOST: Final = 1000
"""Events of one customer in a run, each of which may be told of in every lifecycle: some hundred kilobytes.

Five runs may wait to be delivered, and all that they owe must fit into a record of ten megabytes.
"""


def fitting(records: Sequence[Arrived], lifecycles: int, most: int = MOST) -> int:
    """How many of the records, from the first on, leave no customer more than its share; at least one.

    Args:
        records: In the order in which they are folded.
        lifecycles: How many are told of.
        most: Events of a customer with one lifecycle.

    Examples:
        >>> from types import SimpleNamespace as Of
        >>> records = [Arrived(0, 0, at, Of(customer=name)) for at, name in enumerate("ababbc")]
        >>> fitting(records, 1, most=2), fitting(records, 2, most=2), fitting(records, 1)
        (4, 2, 6)
    """
    share = max(1, most // lifecycles)
    found: Counter[str] = Counter()
    for number, record in enumerate(records):
        if isinstance(record.item, Refused):
            continue
        customer = record.item.customer
        found[customer] += 1
        if found[customer] > share:
            return number
    return len(records)

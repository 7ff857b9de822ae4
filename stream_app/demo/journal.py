"""What do the stage changes of a run say, each counted once?"""

from collections import Counter
from typing import Any

import orjson

_NO_TRANSITION = "rescored"


class Journal:
    """Reads records of the topic of stage changes; (`customer_id`, `version`) identifies a change.

    Attributes:
        transitions: Moves by reason.
        rescored: Publications of a score without a move.
        latest: The newest change by lifecycle and customer.

    Examples:
        >>> journal = Journal()
        >>> body = {"lifecycle": "shop", "customer_id": "ann", "version": 1, "reason": "entered", "stage": "new"}
        >>> for _ in range(2):
        ...     journal.read(orjson.dumps(body))
        >>> dict(journal.transitions), journal.stages
        ({'entered': 1}, {'shop': {'new': 1}})
    """

    def __init__(self) -> None:
        self.transitions: Counter[str] = Counter()
        self.rescored = 0
        self.latest: dict[tuple[str, str], dict[str, Any]] = {}
        self._seen: set[tuple[str, str, int]] = set()

    def read(self, value: bytes) -> None:
        """Take one change; one that was seen before changes nothing."""
        change = orjson.loads(value)
        place = (change["lifecycle"], change["customer_id"])
        identity = (*place, change["version"])
        if identity in self._seen:
            return
        self._seen.add(identity)
        if change["reason"] == _NO_TRANSITION:
            self.rescored += 1
        else:
            self.transitions[change["reason"]] += 1
        known = self.latest.get(place)
        if known is None or change["version"] > known["version"]:
            self.latest[place] = change

    @property
    def stages(self) -> dict[str, dict[str, int]]:
        """Customers by lifecycle and stage."""
        counted: dict[str, Counter[str]] = {}
        for (lifecycle, _), change in self.latest.items():
            counted.setdefault(lifecycle, Counter())[change["stage"]] += 1
        return {lifecycle: dict(stages) for lifecycle, stages in counted.items()}

    def customers(self, lifecycle: str) -> int:
        """How many customers a lifecycle has."""
        return sum(name == lifecycle for name, _ in self.latest)

    def one_of_each_stage(self, lifecycle: str) -> list[str]:
        """Give one customer of each stage, the one that came into it last."""
        found: dict[str, dict[str, Any]] = {}
        for (name, _), change in self.latest.items():
            known = found.get(change["stage"])
            if name == lifecycle and (known is None or change["since"] > known["since"]):
                found[change["stage"]] = change
        return [change["customer_id"] for change in found.values()]

"""Questions to the models about everybody at one instant: columns, about 200 bytes a customer while they wait."""

from array import array
from collections.abc import Iterator, Sequence
from math import nan

from scorers.deadline import Deadline
from scorers.predictor import Scores
from scorers.transforms import FEATURES
from state import DAY

__all__ = ["Asked"]

UNKNOWN = -1


class Asked:
    """The questions of one lifecycle at one instant, with the predictions of that instant.

    Args:
        at: The instant (µs); what is known is what happened before it.
        version: Version of the models that answered.

    Attributes:
        customers: Whom the questions are about.
        stages: Index of the stage of each.
        answered: Horizon (µs) up to which labels have been settled.
        churned: 1, 0, or -1 while unknown, by customer.
        following: Index of the stage moved to, that of the stage for none, or -1 while unknown.
        spent: What was spent, not a number while unknown.
        years: Expected spend within a year.

    Examples:
        >>> asked = Asked(0, version=3)
        >>> asked.add("ann", 1, [0.0] * len(FEATURES), Scores(0.5, [0.25, 0.75], 9.0), 0, known=True, since=0)
        >>> asked.risk(0), asked.chances(0), asked.values[0], asked.churned[0]
        (0.5, [0.25, 0.75], 9.0, -1)
    """

    __slots__ = (
        "_chances",
        "_deadlines",
        "_features",
        "_revenues",
        "_risks",
        "_since",
        "answered",
        "at",
        "churned",
        "customers",
        "following",
        "spent",
        "stages",
        "values",
        "version",
        "years",
    )

    def __init__(self, at: int, version: int) -> None:
        self.at = at
        self.version = version
        self.answered = 0
        self.customers: list[str] = []
        self.stages = array("b")
        self.values = array("d")
        self.churned = array("b")
        self.following = array("b")
        self.spent = array("d")
        self.years = array("d")
        self._since = array("q")
        self._features = array("f")
        self._risks = array("d")
        self._deadlines: dict[int, Deadline] = {}
        self._chances = array("f")
        self._revenues = array("q")

    def add(
        self,
        customer: str,
        stage: int,
        features: Sequence[float],
        scores: Scores,
        revenue: int,
        *,
        known: bool,
        since: int,
        deadline: Deadline | None = None,
        year: float = nan,
    ) -> None:
        """Ask about one customer.

        Args:
            customer: Customer id.
            stage: Index of the stage.
            features: What the models saw, each within what 32 bits can hold.
            scores: What they said.
            revenue: Lifetime revenue (micro-units).
            known: Whether churn can be asked about: only the active can stop.
            since: When the customer came into the stage (µs).
            deadline: What silence alone leads to within the horizon of the next stage.
            year: Expected spend within a year.
        """
        if deadline is not None:
            self._deadlines[len(self.customers)] = deadline
        self.customers.append(customer)
        self.stages.append(stage)
        self.values.append(scores.value)
        self.churned.append(UNKNOWN)
        self.following.append(UNKNOWN)
        self.spent.append(nan)
        self.years.append(year)
        self._since.append(since)
        self._features.extend(features)
        self._risks.append(scores.churn if known else nan)
        self._chances.extend(scores.next_stage)
        self._revenues.append(revenue)

    def __len__(self) -> int:
        return len(self.customers)

    def features(self, row: int) -> list[float]:
        """What the models saw of a customer, rounded to 32 bits as in a profile."""
        width = len(FEATURES)
        return self._features[row * width : (row + 1) * width].tolist()

    def chances(self, row: int) -> list[float]:
        """Probability by stage index."""
        width = len(self._chances) // len(self.customers)
        return self._chances[row * width : (row + 1) * width].tolist()

    def deadline(self, row: int) -> Deadline | None:
        """What silence alone leads to within the horizon of the next stage."""
        return self._deadlines.get(row)

    def risk(self, row: int) -> float | None:
        """Churn risk, None for somebody who was never active."""
        risk = self._risks[row]
        return None if risk != risk else risk  # noqa: PLR0124 - only what is no number differs from itself

    def revenue(self, row: int) -> int:
        """Lifetime revenue at the question, micro-units."""
        return self._revenues[row]

    def tenure(self, row: int) -> float:
        """Days in the stage."""
        return (self.at - self._since[row]) / DAY

    def rows(self) -> Iterator[tuple[int, str]]:
        """Row numbers with customers."""
        return enumerate(self.customers)

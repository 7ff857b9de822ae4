"""What follows, as it is served: the plain numbers of a `scorers.next_stage.NextStageModel`.

Tables of customers without a deadline are logs, weighed in advance. Those of customers with one stay counts, for they are
backed by what the rules say of the very customer who is asked about.
"""

from collections.abc import Sequence
from functools import cached_property
from math import exp, log, log1p
from typing import Final

import msgspec
import numpy as np

from scorers.next_stage import BACKED, REGRESSION, RULES, SURE, TABLES, NextStageModel, Place

Row = tuple[float, ...]
CERTAIN: Final = exp(-SURE)


class Following(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """Distributions over the stages, from tables, rules and the regression's logits.

    A group is a current stage, or one with a deadline; those stand behind the stages.

    Attributes:
        tables: Per table, stage and bin: log probabilities of the stages, without a deadline.
        deadlines: Per table, stage and bin: how often what followed a deadline; empty where nothing did yet.
        trust: Per group a weight for each opinion.
        intercepts: Per group an intercept for each class of the regression.
    """

    tables: tuple[tuple[tuple[Row, ...], ...], ...]
    deadlines: tuple[tuple[tuple[Row, ...], ...], ...]
    trust: tuple[Row, ...]
    intercepts: tuple[Row, ...]

    def told(self, stage: int, place: Place) -> list[float]:
        """Say what tables and rules know, in logits: that is all before the first label."""
        if place.target >= 0:
            return self._told_of_deadline(stage, place)
        tables, (_, first, second, third) = self._weighed[stage], place.bins
        return [
            a + b + c for a, b, c in zip(tables[0][first], tables[1][second], tables[2][third], strict=True)
        ]

    def corrected(
        self, told: Sequence[float], stage: int, place: Place, logits: Sequence[float]
    ) -> list[float]:
        """Add what the regression says.

        Args:
            told: What `told` says.
            stage: Index of the current stage.
            place: Where the tables find the customer.
            logits: The regression's, by stage and at the end for staying, without intercepts.
        """
        group = place.group(stage, len(self._usual))
        learned = [a + b for a, b in zip(logits, self.intercepts[group], strict=True)]
        staying, own = learned.pop(), learned[stage]
        # staying counts for the own stage
        learned[stage] = max(own, staying) + log1p(exp(-abs(own - staying)))
        trust = self.trust[group][REGRESSION]
        return [a + trust * b for a, b in zip(told, learned, strict=True)]

    def _told_of_deadline(self, stage: int, place: Place) -> list[float]:
        """What the rules say, and what all tables make of it: where nothing is counted yet, the same."""
        trust = self.trust[place.group(stage, len(self._usual))]
        ruled = [(1.0 - place.chance) * usual for usual in self._usual[stage]]
        ruled[place.target] += place.chance
        total = trust[RULES]
        known: list[tuple[float, float, Row]] = []
        for table, weight, found in zip(self.deadlines, trust, place.bins, strict=False):
            counts = table[stage][found]
            if counts:
                known.append((weight, BACKED + sum(counts), counts))
            else:
                total += weight
        told = [total * _sure(chance) for chance in ruled]
        for weight, whole, counts in known:
            for following, count in enumerate(counts):
                told[following] += weight * _sure((count + BACKED * ruled[following]) / whole)
        return told

    @cached_property
    def _usual(self) -> list[list[float]]:
        """Per stage: what usually follows it without a deadline."""
        return [[exp(said) for said in table[0]] for table in self.tables[0]]

    @cached_property
    def _weighed(self) -> list[list[list[Row]]]:
        """Per stage: log probabilities by finer table and bin, times the trust in their table."""
        stages = range(len(self._usual))
        return [_tables([table[stage] for table in self.tables], self.trust[stage]) for stage in stages]


def following_of(model: NextStageModel) -> Following:
    """Copy the numbers out of a model."""
    stages = range(model.stages)
    with np.errstate(divide="ignore"):
        tables = [
            [np.maximum(np.log(model.table(k, stage)), -SURE) for stage in stages] for k in range(len(TABLES))
        ]
    counts = model.counts[:, model.stages :]
    return Following(
        tables=tuple(tuple(tuple(map(tuple, stage.tolist())) for stage in table) for table in tables),
        deadlines=tuple(
            tuple(tuple(tuple(row.tolist()) if row.any() else () for row in group) for group in table)
            for table in counts
        ),
        trust=tuple(tuple(trust.weights.tolist()) for trust in model.trust),
        intercepts=tuple(tuple(outer.weights.tolist()) for outer in model.regression.outer),
    )


def distribution(logits: Sequence[float]) -> list[float]:
    """Turn logits into a distribution without overflow.

    Examples:
        >>> distribution([1000.0, 1000.0])
        [0.5, 0.5]
    """
    most = max(logits)
    odds = [exp(logit - most) for logit in logits]
    total = sum(odds)
    return [each / total for each in odds]


def _sure(chance: float) -> float:
    return log(chance) if chance > CERTAIN else -SURE


def _tables(tables: Sequence[Sequence[Row]], trust: Row) -> list[list[Row]]:
    """Log probabilities times the trust in their table; the coarse table, which has one row, is in the next one."""
    (coarse,), *finer = [
        [tuple(weight * said for said in row) for row in table[: None if k else 1]]
        for k, (table, weight) in enumerate(zip(tables, trust, strict=False))
    ]
    finer[0] = [tuple(a + b for a, b in zip(coarse, row, strict=True)) for row in finer[0]]
    return finer

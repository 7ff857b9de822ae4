"""Builders for the tests of lifecycles: a catalogue, a standing, a customer who is plain arithmetic."""

import re
from dataclasses import dataclass, field
from difflib import get_close_matches
from math import inf

from scorers.crossing import DAY, FAR
from scorers.lifecycle import Lifecycle

MEASURES = [
    "events",
    "sessions",
    "page_views",
    "product_views",
    "carts",
    "checkouts",
    "orders",
    "revenue",
    "refunds",
    "email_opens",
    "email_clicks",
    "spam_complaints",
    "tickets",
    "feedback",
    "reviews",
    "shares",
    "referrals",
    "ad_clicks",
    "cancellations",
    "trials",
    "signups",
    "feature_uses",
    "leads",
    "demos",
]
SINGLES = ["avg_order_value", "order_gap_mean_days", "order_trend"]


class PublishedNames:
    """The names that lifecycle files may use, without the profile behind them."""

    def kind_of(self, name: str) -> str | None:
        if re.fullmatch(r"days_since_(first|last)_[a-z_]+", name):
            return "age"
        base = re.sub(r"_\d+[dh]$", "", name)
        return "step" if base in MEASURES or name in SINGLES else None

    def beyond(self, _name: str) -> str | None:
        return None

    def nearest(self, name: str) -> str | None:
        return next(iter(get_close_matches(name, [*MEASURES, *SINGLES, "days_since_last_order"], n=1)), None)


@dataclass
class Standing:
    stage: int = -1
    since: int = 0
    cycle: int = 0


def lifecycle(*stages: str, name: str = "tried") -> Lifecycle:
    """A lifecycle whose stages after the first are given by the lines of their tables."""
    tables = "".join(f'[[stage]]\nname = "s{n}"\n{lines}\n' for n, lines in enumerate(stages, 1))
    return Lifecycle.parse(f'name = "{name}"\n[[stage]]\nname = "s0"\n{tables}', PublishedNames())


@dataclass
class Customer:
    """Lives through events and silence, and remembers each move as (instant, reason, stage)."""

    lifecycle: Lifecycle
    happened: list[tuple[int, str, float]] = field(default_factory=list)
    standing: Standing = field(default_factory=Standing)
    moves: list[tuple[int, str, str]] = field(default_factory=list)
    now: int = 0

    def does(self, at: int, *measures: str, amount: float = 30.0) -> "Customer":
        self.waits(at)
        self.happened += [(at, measure, 1) for measure in ("events", *measures)]
        if "orders" in measures:
            self.happened.append((at, "revenue", amount))
        self._evaluate(at)
        return self

    def waits(self, until: int) -> "Customer":
        while (due := self._next()) <= until:
            self._evaluate(due)
        self.now = until
        return self

    @property
    def stage(self) -> str:
        return self.lifecycle.stage_names[self.standing.stage]

    def _evaluate(self, at: int) -> None:
        self.now = at
        after = self.lifecycle.decide(at, self.vector(at), self.standing)
        before = self.standing.stage
        if after != before:
            cycle = self.lifecycle.next_cycle(before, after, self.standing.cycle)
            self.standing = Standing(after, at, cycle)
            self.moves.append((at, self.lifecycle.move(before, after), self.lifecycle.stage_names[after]))

    def _next(self) -> int:
        if self.standing.stage < 0:
            return FAR
        vector = self.vector(self.now)
        return self.lifecycle.next_change(self.now, vector, self.standing, expiry=self._expiry())

    def _expiry(self) -> int:
        spans = [int(span[1]) * DAY for name in self._read() if (span := re.search(r"_(\d+)d$", name))]
        leaves = [at + span for at, _, _ in self.happened for span in spans]
        return min((leaf for leaf in leaves if leaf > self.now), default=FAR)

    def _read(self) -> list[str]:
        half = ["orders_90d", "orders_180d"] if "order_trend" in self.lifecycle.features else []
        return [*self.lifecycle.features, *half]

    def vector(self, at: int) -> list[float]:
        return [self._value(name, at) for name in self.lifecycle.features]

    def _value(self, name: str, at: int) -> float:
        if age := re.fullmatch(r"days_since_(first|last)_([a-z_]+)", name):
            pick = min if age[1] == "first" else max
            measures = {age[2], age[2] + "s"}
            return pick((t for t, measure, _ in self.happened if measure in measures), default=-inf)
        if name in SINGLES:
            return self._single(name, at)
        window = re.fullmatch(r"(.*)_(\d+)d", name)
        measure, span = (window[1], int(window[2]) * DAY) if window else (name, FAR)
        return sum(n for t, what, n in self.happened if what == measure and at - span < t <= at)

    def _single(self, name: str, at: int) -> float:
        orders = [t for t, what, _ in self.happened if what == "orders"]
        if name == "avg_order_value":
            return self._value("revenue", at) / len(orders) if orders else 0.0
        if name == "order_gap_mean_days":
            return (orders[-1] - orders[0]) / DAY / (len(orders) - 1) if len(orders) > 1 else inf
        last = self._value("orders_90d", at)
        before = self._value("orders_180d", at) - last
        return last / before if before else (inf if last else 1.0)

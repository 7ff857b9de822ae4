"""Arithmetic of lifecycles over purchases, written without a line of the product: a dense scan of instants.

Conditions are evaluated by Python itself over numbers counted from the bare list of orders. Candidate instants
are all at which anything could change: events, ends of windows, ages at thresholds and a microsecond later.
"""

import re
from dataclasses import dataclass
from math import inf
from typing import Any

DAY = 86_400_000_000
HOUR = 3_600_000_000


@dataclass(frozen=True)
class Stage:
    """One stage: conditions as text, dwell in days."""

    enter: str = ""
    leave: str = ""
    dwell: int = 0
    lost: bool = False


@dataclass(frozen=True)
class Purchase:
    """An order (amount in micro-units), or a refund."""

    at: int
    amount: int
    refund: bool = False


def toml(stages: list[Stage]) -> str:
    """The lifecycle file."""
    lines = ['name = "strange"']
    for number, stage in enumerate(stages):
        lines += ["[[stage]]", f'name = "s{number}"']
        lines += [f'enter = "{stage.enter}"'] if stage.enter else []
        lines += [f'leave = "{stage.leave}"'] if stage.leave else []
        lines += [f'min_dwell = "{stage.dwell}d"'] if stage.dwell else []
        lines += ["lost = true"] if stage.lost else []
    return "\n".join(lines)


def _number(name: str, past: list[Purchase], at: int, since: int, cycle: int) -> float:
    orders = [each for each in past if not each.refund]
    if name == "cycle":
        return cycle
    if name == "days_in_stage":
        return (at - since) / DAY
    if name == "avg_order_value":
        return sum(each.amount for each in orders) / len(orders) / 1e6 if orders else 0.0
    if name == "order_gap_mean_days":
        gap = max(each.at for each in orders) - min(each.at for each in orders) if orders else 0
        return gap / (len(orders) - 1) / DAY if len(orders) > 1 else inf
    if age := re.fullmatch(r"days_since_(first|last)_(order|refund|event)", name):
        pick = min if age[1] == "first" else max
        of = {"order": orders, "refund": [each for each in past if each.refund], "event": past}[age[2]]
        return (at - pick(each.at for each in of)) / DAY if of else inf
    base, _, window = name.partition("_")
    of = {"refunds": [each for each in past if each.refund], "events": past}.get(base, orders)
    if window:
        of = [each for each in of if _leaves(each.at, int(window[:-1]), window[-1]) > at]
    return sum(each.amount for each in of) / 1e6 if base == "revenue" else len(of)


def _leaves(at: int, number: int, unit: str) -> int:
    """When something that happened at *at* leaves a window: its bucket's end and the window's length later."""
    span = number * (DAY if unit == "d" else HOUR)
    width = HOUR if span <= 14 * DAY else DAY
    return -(-at // width) * width + span


class Scan:
    """Goes through all candidate instants and notes each move."""

    def __init__(self, stages: list[Stage]) -> None:
        self.stages = stages
        self.stage, self.previous, self.since, self.cycle = -1, -1, 0, 0
        self.moves: list[dict[str, Any]] = []
        self.past: list[Purchase] = []
        texts = [text for stage in stages for text in (stage.enter, stage.leave) if text]
        self.windows = {(int(n), unit) for text in texts for n, unit in re.findall(r"_(\d+)([dh])\b", text)}
        self.limits = {float(x) for text in texts for x in re.findall(r"(?<![_\w.])\d+(?:\.\d+)?", text)}

    def run(self, purchases: list[Purchase], until: int) -> None:
        for purchase in purchases:
            self._silence(purchase.at)
            self.past.append(purchase)
            self._look(purchase.at)
        self._silence(until + 1)

    def _silence(self, before: int) -> None:
        """Look at every instant before *before* at which time alone could change something."""
        if not self.past:
            return
        done = self.past[-1].at
        while True:
            upcoming = [at for at in self._candidates() if done < at < before]
            if not upcoming:
                return
            done = min(upcoming)
            self._look(done)

    def _candidates(self) -> set[int]:
        found = {_leaves(each.at, n, unit) for each in self.past for n, unit in self.windows}
        starts = {each.at for each in self.past} | {self.since}
        found |= {start + round(x * DAY) + more for start in starts for x in self.limits for more in (0, 1)}
        orders = [each.at for each in self.past if not each.refund]
        if len(orders) > 1:  # an age against twice the usual gap
            twice = 2 * (orders[-1] - orders[0]) // (len(orders) - 1)
            found |= {orders[-1] + twice + more for more in range(-2, 3)}
        return found | {self.since + stage.dwell * DAY for stage in self.stages}

    def _look(self, at: int) -> None:
        after = max(number for number in range(len(self.stages)) if self._holds(number, at))
        if after == self.stage:
            return
        before = self.stage
        reason = self._reason(before, after)
        self.cycle = 1 if before < 0 else self.cycle + (reason == "reactivated")
        self.stage, self.previous, self.since = after, before, at
        self.moves.append(
            {"stage": f"s{after}", "previous": f"s{before}" if before >= 0 else None, "reason": reason}
            | {"at": at, "cycle": self.cycle, "orders": sum(not each.refund for each in self.past)}
        )

    def _holds(self, number: int, at: int) -> bool:
        stage = self.stages[number]
        if number == 0 or self._true(stage.enter, at):
            return True
        stays = bool(stage.leave) and not self._true(stage.leave, at)
        return number == self.stage and (stays or at < self.since + stage.dwell * DAY)

    def _true(self, text: str, at: int) -> bool:
        since = self.since if self.stage >= 0 else at
        names = {name: _number(name, self.past, at, since, self.cycle) for name in _names(text)}
        return bool(eval(text, {}, names))  # noqa: S307 - the texts are written in the tests

    def _reason(self, before: int, after: int) -> str:
        if before < 0:
            return "entered"
        was, now = self.stages[before].lost, self.stages[after].lost
        if now and (after > before or not was):
            return "lapsed"
        if was and not now:
            return "reactivated"
        if after < before:
            return "returned"
        return "skipped" if any(not stage.lost for stage in self.stages[before + 1 : after]) else "advanced"


def _names(text: str) -> set[str]:
    return set(re.findall(r"[a-z_][a-z_0-9]*", text)) - {"and", "or", "not"}

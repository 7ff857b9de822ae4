"""At which stage is a customer, and when could that change by time alone? A compiled lifecycle answers both.

The stage at an instant is the last one in file order that holds. A stage holds if its ``enter`` does. The
stage in which the customer already stands also holds while its ``min_dwell`` is not over, and, if it has a
``leave``, while that is false. The first stage always holds. So later stages are entered at once, and
hysteresis only delays falling back.
"""

import hashlib
import json
from collections.abc import Callable
from math import nan
from pathlib import Path
from typing import Any, Final, Protocol

from scorers import definition as files
from scorers.conditions import CONTEXT, SCORES, Scope, define, highest, lowest, truth, turn
from scorers.crossing import FAR, Vector
from scorers.definition import Catalogue, Definition
from scorers.expressions import Condition, names, write
from scorers.flapping import refuse_flapping
from scorers.journey import Journey

_MOST_LOOKS: Final = 4  # a turn may be no change; after so many the caller is woken up and asks again


class Standing(Protocol):
    """Where a customer stands: *stage* -1 before the first evaluation, *since* in µs, *cycle* from 1."""

    @property
    def stage(self) -> int:
        """Index of the stage, -1 for none yet."""

    @property
    def since(self) -> int:
        """Instant of entering it."""

    @property
    def cycle(self) -> int:
        """How many times the lifecycle was begun."""


class Lifecycle:
    """A lifecycle file, compiled.

    Immutable and shared by all customers. A vector *v* holds, for each of `features` in order, the plain
    number, or for an age (``days_since_…``) the instant it counts from: an integer, or minus infinity when
    it never happened. A vector is right until the next event of the customer or the next expiry of a window.

    Scores are probabilities; one that is not known is no number or negative, and every comparison with it is
    false.

    Args:
        declared: The checked file.
        catalogue: Tells ages from other features.

    Raises:
        LifecycleError: If time alone would move some customer in circles for ever.
    """

    def __init__(self, declared: Definition, catalogue: Catalogue) -> None:
        self.declared = declared
        self.name = declared.name
        self.stages = declared.stages
        self.stage_names = tuple(stage.name for stage in declared.stages)
        self.labels = declared.labels
        used = [name for condition in _conditions(declared) for name in _names(condition)]
        self.features = tuple(dict.fromkeys(name for name in used if name not in CONTEXT))
        self.uses_scores = not SCORES.isdisjoint(used)
        self.fingerprint = _fingerprint(declared)
        self.journey = Journey(declared.stages)
        ages = {name for name in self.features if catalogue.kind_of(name) == "age"} | {"days_in_stage"}
        self._scope = Scope({name: slot for slot, name in enumerate(self.features)}, frozenset(ages))
        standings = [*range(len(self.stages)), -1]  # the last one, so that index -1 finds "not entered yet"
        self._decide = [self._compile_decision(standing) for standing in standings]
        self._remains: dict[tuple[int, int], Callable[..., int]] = {}
        refuse_flapping(self)

    @classmethod
    def load(cls, path: str | Path, catalogue: Catalogue) -> "Lifecycle":
        """Read and compile a lifecycle file.

        Raises:
            LifecycleError: One line with file, line and reason.
        """
        return cls(files.read(Path(path), catalogue), catalogue)

    @classmethod
    def parse(cls, text: str, catalogue: Catalogue, source: str = "lifecycle") -> "Lifecycle":
        """Compile the text of a lifecycle file; *source* is what errors call it."""
        return cls(files.define(text, catalogue, source), catalogue)

    def decide(
        self,
        at: int,
        v: Vector,
        standing: Standing,
        risk: float = nan,
        next_p: float = nan,
        late: bool = False,
    ) -> int:
        """The stage at an instant.

        Args:
            at: Event time, microseconds.
            v: The vector of `features`.
            standing: Where the customer stands.
            risk: Churn risk.
            next_p: Probability of the most likely next stage.
            late: Whether a late event asks: it moves nobody backwards.

        Returns:
            Index into `stages`. Costs about a microsecond.
        """
        stage = standing.stage
        if self.uses_scores:
            risk, next_p = _known(risk), _known(next_p)
        since = standing.since if stage >= 0 else at
        decided: int = self._decide[stage](at, v, since, standing.cycle, risk, next_p)
        return stage if late and decided < stage else decided

    def next_change(
        self,
        at: int,
        v: Vector,
        standing: Standing,
        risk: float = nan,
        next_p: float = nan,
        expiry: int = FAR,
        late: bool = False,
    ) -> int:
        """The next instant at which, without a further event, the stage may be another one.

        Args:
            at: Event time of the evaluation that led to *standing*.
            v: The vector of `features` at that instant.
            standing: Where the customer stands now, a move of this evaluation included.
            risk: Churn risk, as given to `decide`.
            next_p: As given to `decide`.
            expiry: When a windowed value of the vector next changes; `FAR` if never.
            late: Whether the standing was kept although the rules say an earlier stage (see `decide`).
                The answer is then when the rules next say something else.

        Returns:
            An instant after *at*, at most *expiry*, or `FAR`. Exact: the first microsecond at which `decide`
            differs. Only where ages multiply may it be too early, so that the caller evaluates in vain and
            asks again. Never too late.
        """
        if self.uses_scores:
            risk, next_p = _known(risk), _known(next_p)
        stage, since, cycle = standing.stage, standing.since if standing.stage >= 0 else at, standing.cycle
        decide = self._decide[stage]
        kept = decide(at, v, since, cycle, risk, next_p) if late or stage < 0 else stage
        remains = self._remains.get((stage, kept)) or self._compile_remaining(stage, kept)
        limit = min(expiry, FAR)
        t = at
        for _ in range(_MOST_LOOKS):
            change = remains(t, v, since, cycle, risk, next_p)
            t = change if change > 0 else t + 1  # a standing that its own move undid is asked about at once
            if t >= limit:
                return limit
            if decide(t, v, since, cycle, risk, next_p) != kept:
                return t
        return t

    def deciding(self, stage: int) -> tuple[str, ...]:
        """The features by which it is decided whether somebody who stands in *stage* stays there or goes beyond.

        While none of them changes nobody moves, whatever the others do: earlier stages are asked only when this one no
        longer holds. Those who stand nowhere (-1), and lifecycles that read scores, are decided by all of `features`.
        """
        if stage < 0 or self.uses_scores:
            return self.features
        own = self.stages[stage]
        asked = [own.enter, own.leave, *(later.enter for later in self.stages[stage + 1 :])]
        read = {name for condition in asked if condition is not None for name in _names(condition)}
        return tuple(name for name in self.features if name in read)

    def move(self, before: int, after: int) -> str:
        """The reason word of a move from one stage (-1: none) to another."""
        return self.journey.reason(before, after)

    def next_cycle(self, before: int, after: int, cycle: int) -> int:
        """The cycle after a move: 1 on entering, one more on coming back from a lost stage."""
        return self.journey.next_cycle(before, after, cycle)

    def is_age(self, feature: str) -> bool:
        """Whether the vector holds an origin instant for this feature."""
        return feature in self._scope.ages

    def _holding(
        self, number: int, standing: int, spell: Callable[[Condition], str], dwell: str
    ) -> list[str]:
        """Sources that together (``or``) mean that a stage holds, for someone who stands in *standing*."""
        stage = self.stages[number]
        sources = [spell(stage.enter)] if stage.enter else []
        if number == standing and stage.min_dwell:
            sources.append(dwell.format(stage.min_dwell))
        return sources

    def _compile_decision(self, standing: int) -> Callable[..., Any]:
        lines = []
        for number in range(len(self.stages) - 1, 0, -1):
            sources = self._holding(number, standing, self._truth, "t < since + {0}")
            leave = self.stages[number].leave
            if leave and number == standing:
                sources.append(f"not {self._truth(leave)}")
            lines.append(f" if {' or '.join(sources)}: return {number}")
        return define(f"decide_from_{standing}".replace("-", "_"), "\n".join([*lines, " return 0"]), {})

    def _compile_remaining(self, standing: int, kept: int) -> Callable[..., Any]:
        """The turn of "*kept* is the last stage that holds, for someone who stands in *standing*"."""

        def hold(number: int) -> str:
            dwell = f"(since + {{0}} if t < since + {{0}} else {-FAR})"
            sources = self._holding(number, standing, self._turn, dwell)
            leave = self.stages[number].leave
            if leave and number == standing:
                sources.append(f"-{self._turn(leave)}")
            return highest(sources)

        later = [f"-{hold(number)}" for number in range(kept + 1, len(self.stages))]
        sources = [*([hold(kept)] if kept > 0 else []), *later]
        body = f" return {lowest(sources) if sources else FAR}"
        name = f"remains_{kept}_from_{standing}".replace("-", "_")
        compiled = self._remains[standing, kept] = define(name, body, self._scope.parts)
        return compiled

    def _truth(self, condition: Condition) -> str:
        return truth(condition, self._scope)

    def _turn(self, condition: Condition) -> str:
        return turn(condition, self._scope)


def _known(score: float) -> float:
    return score if score >= 0.0 else nan


def _conditions(declared: Definition) -> list[Condition]:
    return [
        condition
        for stage in declared.stages
        for condition in (stage.enter, stage.leave)
        if condition is not None
    ]


def _names(condition: Condition) -> list[str]:
    return [name.name for name in names(condition)]


def _fingerprint(declared: Definition) -> str:
    """Equal for files that mean the same: comments, spaces and descriptions do not count, the rest does."""
    rules = declared.labels
    meaning = [
        declared.name,
        [rules.churn, rules.horizon, rules.next_stage_horizon, rules.value_horizon],
        [
            [
                stage.name,
                write(stage.enter) if stage.enter else "",
                write(stage.leave) if stage.leave else "",
                stage.min_dwell,
                stage.lost,
                stage.actions,
            ]
            for stage in declared.stages
        ],
    ]
    return hashlib.sha256(json.dumps(meaning, ensure_ascii=True).encode()).hexdigest()[:32]

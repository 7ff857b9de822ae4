"""When does a prediction become a training example: questions that wait in the profile for their answers.

A question is asked at an instant A and knows events up to A. Each of its three answers is settled at its own
horizon, looking at ``(A, A + horizon]``, never before: an early answer for those who came back would bias
what is learned first. The example is complete when the longest horizon has passed; that is delayed
progressive validation (Grzenda, Gomes, Bifet 2019). A caller whose snapshots are at midnight and shall know
the days before only asks at midnight - 1 µs.

Settle before folding an event later than the horizon; timers see to that, because `next_answer` is an instant
to wake at.
"""

import struct
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from state.instants import FAR
from state.measure_ids import CANCELLATIONS, EVENTS, ORDERS, REVENUE

if TYPE_CHECKING:
    from state.profile import Profile

ChurnLabel = Literal["orders", "events", "cancellations"]
"""What ends a customer: no order, no event at all, or a cancellation within the horizon."""

_LARGEST_FLOAT32: Final = 3.4e38


class Horizons(msgspec.Struct, frozen=True):
    """How far (µs of event time) each answer looks ahead, and what counts as churn.

    Attributes:
        longest: Time from the question to its complete answer; follows from the others.
    """

    churn: int
    next_stage: int
    value: int
    label: ChurnLabel = "orders"
    longest: int = 0

    def __post_init__(self) -> None:
        """Compute what every evaluation asks for."""
        msgspec.structs.force_setattr(self, "longest", max(self.churn, self.next_stage, self.value))


class Pending(msgspec.Struct, array_like=True, gc=False):
    """A question that waits for its answers. Stored by position: new fields go to the end, with a default.

    Attributes:
        asked_at: Instant A of the question (µs).
        lifecycle: Index of the lifecycle.
        stage: Index of the stage at A.
        features: The features as the models saw them, see `pack`.
        risk: Churn risk as predicted; -1 for who cannot churn, and is asked for the rest only.
        next_stage: Probability by stage index as predicted, see `pack`.
        value: Spend as predicted, in units of the base currency.
        revenue: Lifetime revenue at A, micro-units.
        model_version: Version of the models that predicted.
        moved_to: Stage of the first transition after A within its horizon; -1 while there was none.
        churned: 1, 0, or -1 while not settled.
        spent: Revenue within the value horizon, micro-units; -1 while not settled.
        deadline: What silence alone was going to lead to, as the models saw it, see `pack`; empty for nothing.
    """

    asked_at: int
    lifecycle: int
    stage: int
    features: bytes
    risk: float
    next_stage: bytes
    value: float
    revenue: int
    model_version: int
    moved_to: int = -1
    churned: int = -1
    spent: int = -1
    deadline: bytes = b""

    @property
    def is_about_churn(self) -> bool:
        """Whether the customer could churn: of who could not, neither risk nor answer counts."""
        return self.risk >= 0.0


class Answer(msgspec.Struct, frozen=True):
    """A question with all its answers: what `Pending` holds, plus the instant at which it was complete.

    Attributes:
        question: The question; ``churned`` and ``spent`` are settled, ``moved_to`` is -1 for those who
            stayed.
        answered_at: ``asked_at`` + longest horizon (µs), however late somebody looked.
    """

    question: Pending
    answered_at: int


def pack(values: Sequence[float]) -> bytes:
    """Numbers as little-endian 32-bit floats: what a profile stores of features and distributions.

    Of a customer of whom little is known most features are 0 or, as ages, infinite. Where that is shorter two bits say so of
    each number, behind a byte with their count, and the others follow. The length tells which it is: of floats alone it is a
    multiple of four, and of this it is none.

    Examples:
        >>> unpack(pack([0.5, float("inf")])), unpack(pack([0.0, 2.0, float("inf"), 0.0]))
        ([0.5, inf], [0.0, 2.0, inf, 0.0])
        >>> len(pack([0.5] * 40)), len(pack([0.0] * 39 + [0.5]))
        (160, 15)
    """
    bounded = [
        v if -_LARGEST_FLOAT32 < v < _LARGEST_FLOAT32 or v in (_INF, -_INF) else _bound(v) for v in values
    ]
    if len(bounded) > _MOST_SPARSE:
        return _floats(bounded)
    return min(_floats(bounded), _sparse(bounded), key=len)


_INF: Final = float("inf")
_MOST_SPARSE: Final = 255
_USUAL: Final = (0.0, _INF, -_INF)
_OTHER: Final = len(_USUAL)


def _bound(value: float) -> float:
    return _LARGEST_FLOAT32 if value > 0 else -_LARGEST_FLOAT32


def _floats(values: Sequence[float]) -> bytes:
    return struct.pack(f"<{len(values)}f", *values)


def _sparse(values: Sequence[float]) -> bytes:
    codes = [_USUAL.index(value) if value in _USUAL else _OTHER for value in values]
    bits = sum(code << 2 * place for place, code in enumerate(codes))
    others = [value for value, code in zip(values, codes, strict=True) if code == _OTHER]
    packed = bytes([len(values)]) + bits.to_bytes(-(-len(values) // 4), "little") + _floats(others)
    return packed if len(packed) % 4 else packed + b"\0"


def unpack(data: bytes) -> list[float]:
    """The numbers that `pack` stored, rounded to 32 bits."""
    if len(data) % 4 == 0:
        return list(struct.unpack(f"<{len(data) // 4}f", data))
    count = data[0]
    start = 1 - (-count // 4)
    bits = int.from_bytes(data[1:start], "little")
    others = iter(struct.unpack_from(f"<{(len(data) - start) // 4}f", data, start))
    codes = (bits >> 2 * place & 3 for place in range(count))
    return [next(others) if code == _OTHER else _USUAL[code] for code in codes]


def is_askable(profile: "Profile", label: ChurnLabel) -> bool:
    """Whether the question makes sense: only the active can stop, only who has not cancelled can cancel.

    Whoever has paid since the last cancellation has subscribed again, and can cancel again.
    """
    if label == "orders":
        return profile.counts[ORDERS] > 0
    if label == "events":
        return profile.counts[EVENTS] > 0
    has_cancelled = profile.counts[CANCELLATIONS] > 0
    return profile.counts[EVENTS] > 0 and not (
        has_cancelled and profile.last[CANCELLATIONS] >= profile.last[ORDERS]
    )


def ask(
    profile: "Profile",
    *,
    at: int,
    lifecycle: int,
    stage: int,
    features: Sequence[float],
    risk: float,
    next_stage: Sequence[float],
    value: float,
    model_version: int,
    deadline: Sequence[float] = (),
) -> Pending:
    """Put a question into the profile, which must hold the events up to *at* and none later.

    Args:
        profile: Changed in place.
        at: Instant of the question (µs).
        lifecycle: Index of the lifecycle that the question is about.
        stage: Index of the customer's stage in it.
        features: What the models saw.
        risk: Predicted churn risk.
        next_stage: Predicted distribution over stage indexes.
        value: Predicted spend, in units of the base currency.
        model_version: Version of the models.
        deadline: What the models saw of a move that silence alone brings, none by default.
    """
    pending = Pending(
        at,
        lifecycle,
        stage,
        pack(features),
        risk,
        pack(next_stage),
        value,
        profile.counts[REVENUE],
        model_version,
        deadline=pack(deadline),
    )
    profile.pending.append(pending)
    return pending


def note_transition(profile: "Profile", lifecycle: int, stage: int, at: int, horizons: Horizons) -> None:
    """Tell the waiting questions that the customer moved to *stage* at *at* (µs): the first move answers."""
    for pending in profile.pending:
        if (
            pending.lifecycle == lifecycle
            and pending.moved_to < 0
            and pending.asked_at < at <= pending.asked_at + horizons.next_stage
        ):
            pending.moved_to = stage


def settle(profile: "Profile", at: int, horizons: Sequence[Horizons]) -> list[Answer]:
    """Settle what *at* allows to settle, and take complete questions out of the profile, oldest first.

    Args:
        profile: Changed in place; holds the events up to *at*.
        at: The instant reached (µs).
        horizons: By lifecycle index.
    """
    answers: list[Answer] = []
    waiting: list[Pending] = []
    for pending in profile.pending:
        horizon = horizons[pending.lifecycle]
        asked = pending.asked_at
        if pending.churned < 0 and at >= asked + horizon.churn:
            pending.churned = int(_churned(profile, asked, asked + horizon.churn, horizon.label))
        if pending.spent < 0 and at >= asked + horizon.value:
            pending.spent = _spent(profile, pending, asked + horizon.value)
        if at >= asked + horizon.longest:
            answers.append(Answer(pending, asked + horizon.longest))
        else:
            waiting.append(pending)
    if answers:
        profile.pending = waiting
    return answers


def next_answer(pending: Iterable[Pending], horizons: Sequence[Horizons]) -> int:
    """The next instant (µs) at which `settle` has something to do, or FAR."""
    soonest = FAR
    for question in pending:
        horizon = horizons[question.lifecycle]
        due = horizon.longest
        if question.churned < 0:
            due = min(due, horizon.churn)
        if question.spent < 0:
            due = min(due, horizon.value)
        soonest = min(soonest, question.asked_at + due)
    return soonest


def _churned(profile: "Profile", asked: int, until: int, label: ChurnLabel) -> bool:
    if label == "cancellations":
        return asked < profile.last[CANCELLATIONS]
    if label == "events":
        return profile.last[EVENTS] <= asked
    instants = profile.orders[::2]
    if any(asked < at <= until for at in instants):
        return False
    # Only the latest orders are kept: if all of them are later than the question, one within the horizon may
    # be lost.
    return not (instants and instants[0] > asked and profile.counts[ORDERS] > len(instants))


def _spent(profile: "Profile", pending: Pending, until: int) -> int:
    """Revenue in (asked, until]: from the kept orders if they reach back, else the growth of the total."""
    instants = profile.orders[::2]
    if profile.counts[ORDERS] <= len(instants) or (instants and instants[0] <= pending.asked_at):
        amounts = zip(instants, profile.orders[1::2], strict=True)
        return sum(amount for at, amount in amounts if pending.asked_at < at <= until)
    return max(0, profile.counts[REVENUE] - pending.revenue)

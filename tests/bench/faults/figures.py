"""What the looks from outside add up to: standstills, times to catch up, growth of memory."""

import math
from collections.abc import Sequence
from typing import NamedTuple

#: Work that has waited for less than this is work under way.
PATIENCE_S = 1.0
#: Share of a process's life in which caches and customers fill; growth counts from then on.
SETTLING = 0.25


class Look(NamedTuple):
    """Records sent and records committed by now, by partition; *at* in monotonic seconds."""

    at: float
    sent: tuple[int, ...]
    done: tuple[int, ...]


class Memory(NamedTuple):
    """Seconds and resident bytes of one process at one instant."""

    at: float
    resident: int


def catch_ups(looks: Sequence[Look], faults: Sequence[float]) -> list[float]:
    """For each fault, seconds until nothing was waiting that had been sent more than a second before.

    0 for a fault that nothing waited for. A fault that came before the last one was overcome counts until both were.
    """
    behind = _behind(looks)
    found = []
    for fault, end in zip(faults, [*faults[1:], math.inf], strict=True):
        late = [i for i, look in enumerate(looks) if fault <= look.at < end and behind[i]]
        if not late:
            found.append(0.0)
            continue
        over = (look.at for look, waits in zip(looks[late[0] :], behind[late[0] :], strict=True) if not waits)
        found.append(round(next(over, looks[-1].at) - fault, 2))
    return found


def _behind(looks: Sequence[Look]) -> list[bool]:
    """Whether, at each look, something had waited for longer than `PATIENCE_S`."""
    answers, earlier = [], 0
    for look in looks:
        while earlier + 1 < len(looks) and looks[earlier + 1].at <= look.at - PATIENCE_S:
            earlier += 1
        known = looks[earlier].at <= look.at - PATIENCE_S
        due = looks[earlier].sent if known else ()
        answers.append(any(done < sent for done, sent in zip(look.done, due, strict=False)))
    return answers


def growth(lives: Sequence[Sequence[Memory]]) -> dict[str, float]:
    """Resident memory of the process that lived longest, once it had settled, and the most of any."""
    life = max(lives, key=lambda each: each[-1].at - each[0].at if each else 0.0, default=())
    settled = life[int(len(life) * SETTLING) :]
    if len(settled) < 2:
        return {}
    return {
        "resident_mib_first": _mib(settled[0].resident),
        "resident_mib_last": _mib(settled[-1].resident),
        "resident_mib_most": _mib(max(each.resident for life in lives for each in life)),
        "resident_mib_per_hour": round(
            slope([each.at / 3600 for each in settled], [each.resident / 2**20 for each in settled]), 2
        ),
        "resident_seconds": round(settled[-1].at - settled[0].at, 1),
    }


def slope(times: Sequence[float], values: Sequence[float]) -> float:
    """Least squares.

    Examples:
        >>> slope([0.0, 1.0, 2.0], [5.0, 7.0, 9.0])
        2.0
    """
    middle, mean = sum(times) / len(times), sum(values) / len(values)
    spread = sum((at - middle) ** 2 for at in times)
    return sum((at - middle) * (value - mean) for at, value in zip(times, values, strict=True)) / (
        spread or 1.0
    )


def quantiles(name: str, values: Sequence[float]) -> dict[str, float]:
    """p50, p95 and the largest of some seconds, under names that begin with *name*.

    Examples:
        >>> quantiles("pause", [1.0, 2.0, 9.0])
        {'pause_p50_seconds': 2.0, 'pause_p95_seconds': 9.0, 'pause_max_seconds': 9.0}
    """
    ranked = sorted(values) or [0.0]

    def at(share: float) -> float:
        return ranked[min(len(ranked) - 1, math.ceil(share * len(ranked)) - 1)]

    return {
        f"{name}_p50_seconds": at(0.5),
        f"{name}_p95_seconds": at(0.95),
        f"{name}_max_seconds": ranked[-1],
    }


def _mib(size: int) -> float:
    return round(size / 2**20, 1)

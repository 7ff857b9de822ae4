"""What must be beaten: the simple answers that cost nothing, under the same delays as the models.

Each answers a row with what was known when the row was asked: an outcome counts from the instant at which the
models may learn it too. Nothing here is weakened: rates are smoothed, recency is fitted, the Markov chain falls
back on its stage where it has seen little.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from stream_app.figures import Floats

__all__ = ["Delay", "base_rate", "next_stages", "recency"]

Instants = npt.NDArray[np.int64]
_RECENCIES = np.linspace(0.0, float(np.log1p(3650.0)), 49)  # logs of days, from "now" to "ten years"
_TENURES = np.array([1.0, 3.0, 7.0, 14.0, 21.0, 30.0, 45.0, 60.0, 90.0, 120.0, 180.0, 365.0])  # days in stage
_SMOOTHING = 5.0
_NEWTON_STEPS, _RIDGE = 6, 1.0


class Delay:
    """When an outcome may be used.

    Args:
        horizon: Time (µs) from the question to its answer.
        grain: What is known is taken in steps of this many µs: 1 for aligned snapshots, a day where each customer
            has an own schedule.
    """

    def __init__(self, horizon: int, grain: int = 1) -> None:
        self.horizon = horizon
        self.grain = grain

    def walk(self, at: Instants, learn: Callable[[Any], None], predict: Callable[[Any], None]) -> None:
        """Go through rows in the order of their instants, learning what is known before each is answered.

        Args:
            at: Instant (µs) of each row.
            learn: Gets the numbers of rows whose outcome has become known.
            predict: Gets the numbers of rows to answer.
        """
        if not len(at):
            return
        order = np.argsort(at, kind="stable")
        ordered = at[order]
        steps = ordered // self.grain
        starts: list[int] = np.flatnonzero(np.diff(steps, prepend=-1)).tolist()
        known = 0
        for start, stop in zip(starts, [*starts[1:], len(at)], strict=True):
            now = int(steps[start]) * self.grain
            ready = int(np.searchsorted(ordered, now - self.horizon, side="right"))
            if ready > known:
                learn(order[known:ready])
                known = ready
            predict(order[start:stop])


def base_rate(at: Instants, labels: npt.NDArray[Any], delay: Delay) -> Floats:
    """The share of ones so far, for everybody alike."""
    answers = np.empty(len(at))
    counts = np.array([1.0, 1.0])

    def learn(rows: Any) -> None:
        counts[1] += labels[rows].sum()
        counts[0] += len(rows) - labels[rows].sum()

    def predict(rows: Any) -> None:
        answers[rows] = counts[1] / counts.sum()

    delay.walk(at, learn, predict)
    return answers


def recency(at: Instants, days: Floats, labels: npt.NDArray[Any], delay: Delay) -> Floats:
    """Recency alone: a logistic curve over the log of the days, fitted anew whenever outcomes come in.

    A curve and not a table, so that it also answers about silences longer than any whose outcome is known.

    Args:
        at: Instant (µs) of each row.
        days: Days since the last act that is watched.
        labels: 0 or 1.
        delay: When labels may be used.
    """
    logs = np.log1p(np.clip(days, 0.0, 3650.0))
    places = np.clip(np.searchsorted(_RECENCIES, logs, side="right") - 1, 0, len(_RECENCIES) - 2)
    ones, seen = np.zeros(len(_RECENCIES) - 1), np.zeros(len(_RECENCIES) - 1)
    answers = np.empty(len(at))
    curve = np.zeros(2)

    def learn(rows: Any) -> None:
        np.add.at(ones, places[rows], labels[rows])
        np.add.at(seen, places[rows], 1.0)
        curve[:] = _fitted(curve, ones, seen)

    def predict(rows: Any) -> None:
        answers[rows] = 1.0 / (1.0 + np.exp(-np.clip(curve[0] + curve[1] * logs[rows], -30.0, 30.0)))

    delay.walk(at, learn, predict)
    return answers


def _fitted(curve: Floats, ones: Floats, seen: Floats) -> Floats:
    """Newton's steps to the logistic curve through counts by recency, begun at an earlier one."""
    inputs = np.stack([np.ones(len(seen)), (_RECENCIES[1:] + _RECENCIES[:-1]) / 2.0])
    fitted = curve.copy()
    for _ in range(_NEWTON_STEPS):
        chances = 1.0 / (1.0 + np.exp(-np.clip(fitted @ inputs, -30.0, 30.0)))
        slope = inputs @ (ones - seen * chances) - _RIDGE * fitted
        curvature = (inputs * (seen * chances * (1.0 - chances))) @ inputs.T + _RIDGE * np.eye(2)
        fitted += np.clip(np.linalg.solve(curvature, slope), -2.0, 2.0)
    return fitted


def next_stages(
    at: Instants,
    stage: npt.NDArray[np.int64],
    tenure: Floats,
    following: npt.NDArray[np.int64],
    stages: int,
    delay: Delay,
) -> dict[str, tuple[Floats, npt.NDArray[np.int64]]]:
    """Three answers to where a customer goes next.

    ``stays`` says that everybody stays, as surely as has been true so far; ``successor`` gives what has followed
    this stage; ``markov`` what has followed this stage after as much time in it.

    Args:
        at: Instant (µs) of each row.
        stage: Index of the stage then.
        tenure: Days in it.
        following: Index of the stage that followed within the horizon, *stage* for none.
        stages: How many stages there are.
        delay: When outcomes may be used.

    Returns:
        By name: the probability given to what followed, and the stage held likeliest.
    """
    spans = np.searchsorted(_TENURES, tenure, side="right")
    followed = np.zeros((stages, len(_TENURES) + 1, stages))
    chances = {name: np.empty(len(at)) for name in ("stays", "successor", "markov")}
    likeliest = {name: np.empty(len(at), np.int64) for name in chances}
    others = max(stages - 1, 1)
    moved = np.ones((stages, stages)) * 0.2 / others
    np.fill_diagonal(moved, 0.8)

    def learn(rows: Any) -> None:
        np.add.at(followed, (stage[rows], spans[rows], following[rows]), 1.0)

    def predict(rows: Any) -> None:
        by_stage = followed.sum(axis=1)
        total = by_stage.sum()
        staying = (np.trace(by_stage) + 0.8) / (total + 1.0)
        stays = np.full((stages, stages), (1.0 - staying) / others)
        np.fill_diagonal(stays, staying)
        successor = (by_stage + moved) / (by_stage.sum(axis=1, keepdims=True) + 1.0)
        seen = followed.sum(axis=2, keepdims=True)
        markov = (followed + _SMOOTHING * successor[:, None, :]) / (seen + _SMOOTHING)
        tables = {"stays": stays[stage[rows]], "successor": successor[stage[rows]]}
        tables["markov"] = markov[stage[rows], spans[rows]]
        for name, table in tables.items():
            chances[name][rows] = table[np.arange(len(rows)), following[rows]]
            likeliest[name][rows] = table.argmax(axis=1)

    delay.walk(at, learn, predict)
    return {name: (chances[name], likeliest[name]) for name in chances}

"""Of several states that one customer went through in a run, what is worth telling as of now?"""

from typing import Any

import orjson

from stream_app.outputs import EXAMPLE, STAGE_CHANGE, Move, Output

__all__ = ["latest", "net"]


def latest(outputs: list[Output]) -> list[Output]:
    """Of several states of one customer only the last, as the move that led there, and the last alert; every example."""
    if len(outputs) < 2:
        return outputs
    last: dict[tuple[int, str], int] = {}
    moves: dict[str, dict[str, Any]] = {}
    for position, output in enumerate(outputs):
        if output.kind != EXAMPLE:
            told = orjson.loads(output.payload)
            last[output.kind, told["lifecycle"]] = position
            if told.get("reason", "rescored") != "rescored":
                moves[told["lifecycle"]] = {"reason": told["reason"], "event_time": told["event_time"]}
    kept = {position: lifecycle for (_, lifecycle), position in last.items()}
    return [
        _as_move(output, moves.get(kept.get(position, "")))
        for position, output in enumerate(outputs)
        if output.kind == EXAMPLE or position in kept
    ]


def _as_move(output: Output, move: dict[str, Any] | None) -> Output:
    """A state, told as the move that led to it: later scores of the same run do not hide it."""
    if output.kind != STAGE_CHANGE or move is None:
        return output
    return output._replace(payload=orjson.dumps(orjson.loads(output.payload) | move))


def net(moves: list[Move]) -> list[Move]:
    """Several moves of one customer as one for each lifecycle: from the first stage to the last.

    Examples:
        >>> net([(0, 1, 2), (1, 0, 1), (0, 2, 3), (1, 1, 0)])
        [(0, 1, 3)]
    """
    first: dict[int, int] = {}
    last: dict[int, int] = {}
    for index, old, stage in moves:
        first.setdefault(index, old)
        last[index] = stage
    return [(index, old, last[index]) for index, old in first.items() if old != last[index]]

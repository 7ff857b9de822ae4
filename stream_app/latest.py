"""Of several states that one customer went through in a run, what is worth telling as of now?"""

from collections import defaultdict
from typing import Any

import orjson

from state import Profile
from stream_app.outputs import EXAMPLE, STAGE_CHANGE, Move, Output
from stream_app.scoring import Scoring

__all__ = ["latest", "net"]


def latest(outputs: list[Output], scoring: Scoring, profile: Profile) -> list[Output]:
    """Of several states of one customer only the last, as one move from where it was last told to be; every example.

    Args:
        outputs: What a run has brought about for the customer, in order.
        scoring: Its lifecycles.
        profile: The customer as it is now; learns which stage it was told to come from.

    Returns:
        The last state in each lifecycle, the last alert in each, and all examples.
    """
    if len(outputs) < 2:
        return outputs
    last: dict[tuple[int, str], tuple[int, dict[str, Any]]] = {}
    moves: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for position, output in enumerate(outputs):
        if output.kind != EXAMPLE:
            told = orjson.loads(output.payload)
            last[output.kind, told["lifecycle"]] = position, told
            if told.get("reason", "rescored") != "rescored":
                moves[told["lifecycle"]].append(told)
    kept = dict(last.values())
    return [
        _as_move(output, told, moves[told["lifecycle"]], scoring, profile)
        if (told := kept.get(position))
        else output
        for position, output in enumerate(outputs)
        if output.kind == EXAMPLE or position in kept
    ]


def _as_move(
    output: Output, told: dict[str, Any], moves: list[dict[str, Any]], scoring: Scoring, profile: Profile
) -> Output:
    """A state, told as the one move that led there: neither the way nor later scores of the same run hide it."""
    if output.kind != STAGE_CHANGE or not moves:
        return output
    before = moves[0]["previous_stage"]
    index = scoring.index_of(told["lifecycle"])
    track, standing = scoring.tracks[index], profile.standings[index]
    old = -1 if before is None else track.stages.index(before)
    if old == standing.stage:  # there and back
        return output._replace(payload=orjson.dumps(told | {"reason": "rescored"}))
    standing.previous = old
    move = {
        "previous_stage": before,
        "reason": track.lifecycle.move(old, standing.stage),
        "event_time": moves[-1]["event_time"],
    }
    return output._replace(payload=orjson.dumps(told | move))


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

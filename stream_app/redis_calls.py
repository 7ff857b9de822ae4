"""The script calls of the Redis sink: which keys and arguments each step takes."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

import msgspec

from stream_app.redis_records import Change, Run
from stream_app.redis_verdicts import Judged, Lane, count_moves, payloads, risk_moves

__all__ = ["Call", "changes_call", "counts_call", "customer_calls", "risks_call"]

pack = msgspec.msgpack.encode  # one argument for a batch: redis-py spends its time on the number of arguments
Call = list[Any]  # a command and its arguments, as Redis takes them


def customer_calls(sha: str, lane: Lane, changes: Sequence[Change], length: int) -> Iterator[Call]:
    """Calls of ``customers.lua`` for *changes* in their order.

    Args:
        sha: Digest of the script.
        lane: Where the fences stand.
        changes: In offset order.
        length: Most changes in one call; 1 in a Redis Cluster, where each customer has a slot of its own.
    """
    customer = lane.keys.customer
    for part in _alike(changes, length):
        names = part[0].names
        call: Call = ["EVALSHA", sha, len(part), *[customer(change.customer) for change in part]]
        call += (lane.settled, pack(names), pack([change.row for change in part]))
        yield call


def _alike(changes: Sequence[Change], length: int) -> Iterator[list[Change]]:
    """Cuts *changes* where the field names change, and after *length* of them."""
    part: list[Change] = []
    for change in changes:
        if part and (len(part) == length or change.names != part[0].names):
            yield part
            part = []
        part.append(change)
    if part:
        yield part


def counts_call(sha: str, lane: Lane, run: Run, judged: Sequence[Judged]) -> Call:
    """Call of ``counts.lua`` that takes the stage counts to the end of *run*."""
    standing = count_moves(judged, lane.counts, lane.origin)
    rebuilt = {} if lane.rebuild is None else count_moves(judged, lane.counts, lane.rebuild)
    call: Call = ["EVALSHA", sha, 2, lane.keys.counts, lane.keys.ledger(lane.partition)]
    call += (lane.counts, run.last, run.marker, run.nonce, len(standing))
    call += _flat(standing)
    call += _flat(rebuilt)
    return call


def risks_call(sha: str, lane: Lane, run: Run, judged: Sequence[Judged]) -> Call:
    """Call of ``risks.lua`` that takes the churn risks to the end of *run*."""
    moves = risk_moves(judged, lane.risks)
    gone = [customer for customer, risk in moves.items() if risk is None]
    call: Call = ["EVALSHA", sha, 2, lane.keys.risks, lane.keys.risk_fence(lane.partition)]
    scored = [(repr(risk), customer) for customer, risk in moves.items() if risk is not None]
    call += (lane.risks, run.last, pack(gone), pack(list(chain.from_iterable(scored))))
    return call


def changes_call(sha: str, lane: Lane, run: Run, judged: Sequence[Judged], length: int) -> Call:
    """Call of ``changes.lua`` that takes the stream, kept about *length* long, to the end of *run*."""
    call: Call = ["EVALSHA", sha, 2, lane.keys.changes, lane.keys.change_fence(lane.partition)]
    call += (lane.changes, run.last, length, pack(payloads(judged, lane.changes)))
    return call


def _flat(moves: Mapping[str, int]) -> Iterator[str | int]:
    return chain.from_iterable(moves.items())

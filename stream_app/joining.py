"""What becomes of a customer's standing when profiles are merged, or taken apart again."""

from typing import TYPE_CHECKING

import msgspec
import orjson

from state import Profile, Standing, format_instant, further, join_questions, merge, settle
from stream_app.effects import Effects
from stream_app.examples import example_of
from stream_app.outputs import EXAMPLE, STAGE_CHANGE, Output
from stream_app.step import evaluate, pass_time

if TYPE_CHECKING:
    from stream_app.engine import PartitionEngine

__all__ = ["become", "join"]

_FOLDED = ("counts", "first", "last", "hours", "days", "orders", "sessions", "seen", "seen_visits")


def join(
    engine: "PartitionEngine", customer: str, profile: Profile, content: Profile, effects: Effects, now: int
) -> None:
    """Merge what was folded under another id into the customer's profile, and decide where the customer stands with it.

    Args:
        engine: Of the customer's partition.
        customer: Customer id.
        profile: Changed in place.
        content: Of the other id; taken over.
        effects: Gets what follows.
        now: Wall clock (µs).
    """
    scoring = engine.scoring
    if not content.evaluated_at:
        return
    if content.written_under != engine.written_under:
        content.standings, content.pending = (
            [],
            [],
        )  # stored under other lifecycles, whose stages have other numbers
    if profile.pending and profile.evaluated_at < content.first[0]:
        for answer in settle(profile, content.first[0] - 1, scoring.horizons):
            example = example_of(scoring, customer, answer)
            effects.outputs.append(Output(EXAMPLE, customer.encode(), example))
    before = _stages(profile)
    sides = copies([*profile.standings, *content.standings])
    if content.standings and profile.standings:
        pairs = zip(profile.standings, content.standings, strict=True)
        profile.standings = [further(standing, other) for standing, other in pairs]
    profile.pending = join_questions(profile, content, scoring.policy.max_pending)
    profile.asked_at = max(profile.asked_at, content.asked_at)
    merge(profile, content, scoring.fold)
    _decide(engine, customer, profile, before, sides, effects, now)


def become(
    engine: "PartitionEngine",
    customer: str,
    profile: Profile,
    kept: Profile,
    effects: Effects,
    now: int,
    sides: list[Standing] | None = None,
) -> None:
    """Let a profile hold what was kept apart, and decide where the customer stands with it.

    Args:
        engine: Of the customer's partition.
        customer: Customer id.
        profile: Changed in place.
        kept: What is to be folded in it; taken over.
        effects: Gets what follows.
        now: Wall clock (µs).
        sides: Where the customer stood when it was last itself.
    """
    before = _stages(profile)
    for name in _FOLDED:
        setattr(profile, name, getattr(kept, name))
    if profile.evaluated_at:
        _decide(engine, customer, profile, before, sides or [], effects, now)


def copies(standings: list[Standing]) -> list[Standing]:
    """Standings that stay as they are."""
    return [msgspec.structs.replace(standing) for standing in standings]


def _decide(
    engine: "PartitionEngine",
    customer: str,
    profile: Profile,
    before: list[int],
    sides: list[Standing],
    effects: Effects,
    now: int,
) -> None:
    """Evaluate, publish, and count the customer where it stands now.

    The stages of *before* are those in which it was counted. A stage at which one of *sides* was already was not entered
    now, but then.
    """
    at = max(profile.evaluated_at, profile.last[0])
    profile.due = min(profile.due, at)  # answers that have become due are settled
    for standing in profile.standings:
        standing.since = min(standing.since, at)
    outputs = evaluate(engine.scoring, customer, profile, at, moved=True, is_event=True)
    outputs = [_backdated(profile, output, sides) for output in outputs]
    if engine.clock == "wall":
        outputs += pass_time(engine.scoring, customer, profile, now)
    for index, stage in enumerate(_stages(profile)):
        engine.recount(index, before[index] if index < len(before) else -1, stage, effects)
    engine.note([output._replace(move=None) for output in outputs], effects)


def _backdated(profile: Profile, output: Output, sides: list[Standing]) -> Output:
    """A transition told with the instant at which one of *sides* had made it."""
    if output.kind != STAGE_CHANGE or output.move is None:
        return output
    index, _, stage = output.move
    standing, tracks = profile.standings[index], len(profile.standings)
    since = min((side.since for side in sides[index::tracks] if side.stage == stage), default=standing.since)
    if since >= standing.since:
        return output
    standing.since = since
    profile.due = min(profile.due, profile.evaluated_at + 1)  # what hangs on the stage's age is decided anew
    return output._replace(
        payload=orjson.dumps(orjson.loads(output.payload) | {"since": format_instant(since)})
    )


def _stages(profile: Profile) -> list[int]:
    return [standing.stage for standing in profile.standings]

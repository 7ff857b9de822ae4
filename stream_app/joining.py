"""What becomes of a customer's standing when profiles are merged, or taken apart again."""

from typing import TYPE_CHECKING

import msgspec
import orjson

from state import FAR, Profile, Standing, format_instant, further, join_questions, merge, settle
from stream_app.effects import Effects
from stream_app.examples import example_of
from stream_app.outputs import EXAMPLE, STAGE_CHANGE, Output
from stream_app.scoring import Scoring
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

    Whoever stands somewhere goes on from where it stood when this was put aside: a stage that only the other id's events
    have led to must not be held, as a stage may be that was reached once.

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
    for standing, stood in zip(profile.standings, kept.standings, strict=False):  # kept ones may be none
        if standing.stage >= 0:
            standing.stage, standing.previous = stood.stage, stood.previous
            standing.since, standing.cycle = stood.since, stood.cycle
    for name in _FOLDED:
        setattr(profile, name, getattr(kept, name))
    if profile.evaluated_at or profile.last[0]:  # the first event may have come while it was part of another
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
    outputs = [_told(engine.scoring, profile, output, before, sides) for output in outputs]
    if engine.clock == "wall":
        outputs += pass_time(engine.scoring, customer, profile, now)
    for index, stage in enumerate(_stages(profile)):
        engine.recount(index, before[index] if index < len(before) else -1, stage, effects)
    engine.note([output._replace(move=None) for output in outputs], effects, profile)


def _told(
    scoring: Scoring, profile: Profile, output: Output, before: list[int], sides: list[Standing]
) -> Output:
    """A stage change as the customer's own: from the stage in which it was known, since one of *sides* was there."""
    if output.kind != STAGE_CHANGE:
        return output
    told = orjson.loads(output.payload)
    tracks, index = scoring.tracks, scoring.index_of(told["lifecycle"])
    standing, track = profile.standings[index], tracks[index]
    old = before[index] if index < len(before) else -1
    since = min(
        (side.since for side in sides[index :: len(tracks)] if side.stage == standing.stage), default=FAR
    )
    if since < standing.since:
        standing.since = since
        profile.due = min(
            profile.due, profile.evaluated_at + 1
        )  # what hangs on the stage's age is decided anew
    if 0 <= old != standing.stage:
        standing.previous = old
        told |= {"previous_stage": track.stages[old], "reason": track.lifecycle.move(old, standing.stage)}
    told["since"] = format_instant(standing.since)
    return output._replace(payload=orjson.dumps(told))


def _stages(profile: Profile) -> list[int]:
    return [standing.stage for standing in profile.standings]

"""One customer, one event or one instant: the pure step that worker, backtest, tests and benchmarks share.

The step knows no Kafka, no Redis and no clock. Event time is passed in. Between two events time passes through the
instants at which something can change (`profile.due`), in order, so silence is worked through exactly like events.
"""

import math
from functools import partial

from scorers.predictor import Outlook
from state import (
    FAR,
    MEASURE_IDS,
    Event,
    Profile,
    Standing,
    apply,
    ask,
    is_askable,
    next_answer,
    note_transition,
    settle,
)
from stream_app.alerting import alert_due, alert_of, crossing, is_cooled, raises
from stream_app.examples import example_of, question_of
from stream_app.outputs import EXAMPLE, STAGE_CHANGE, Output, stage_change_json
from stream_app.schedule import ask_due_of, is_drawn, score_due
from stream_app.scoring import Scoring, Track

__all__ = ["evaluate", "is_absorbed", "observe", "pass_time", "passes", "state_of", "totals"]

_EVENTS, _ORDERS, _REVENUE, _REFUNDS, _CANCELLATIONS = (
    MEASURE_IDS[name] for name in ("events", "orders", "revenue", "refunds", "cancellations")
)
_MICRO = 1_000_000
#: Time-caused evaluations of one customer in one go beyond which its lifecycle is taken to be running in circles.
_MOST_TURNS = 100_000


def is_absorbed(profile: Profile, source: int, offset: int) -> bool:
    """Whether the record at *offset* of source topic *source* is in the profile; if not, it counts as such from now on."""
    if offset <= profile.offsets.get(source, -1):
        return True
    profile.offsets[source] = offset
    return False


def observe(
    scoring: Scoring, customer: str, profile: Profile, event: Event, *, late: bool = False, reached: int = 0
) -> tuple[bool, list[Output]]:
    """Let time pass up to the event, fold it, and evaluate: the step of the event clock.

    Args:
        scoring: Compiled configuration and models.
        customer: Customer id.
        profile: Changed in place.
        event: The event.
        late: Whether it came later than allowed; it then moves no stage backwards.
        reached: Instant (µs) to which time has passed for everybody: timers up to it come before a late event.

    Returns:
        Whether the event was folded (and not a message folded before), and what is to be published, in order.
    """
    outputs = pass_time(scoring, customer, profile, max(event.at - 1, reached))
    before = totals(profile)
    if not apply(profile, event, scoring.fold):
        return False, outputs
    at = max(event.at, profile.evaluated_at)
    if (
        not scoring.watches(event.kind)
        and before == totals(profile)
        and passes(scoring, customer, profile, at)
    ):
        return True, outputs
    behind = late and event.at < profile.evaluated_at
    outputs += evaluate(
        scoring, customer, profile, at, late=behind, moved=before != totals(profile), is_event=True
    )
    return True, outputs


def passes(scoring: Scoring, customer: str, profile: Profile, at: int) -> bool:
    """Whether an event that no rule looks at changes nothing at the instant *at* (µs); then it is evaluated herewith.

    Between two instants at which something may change without an event (`profile.due`) the answers of an
    evaluation are those of the last one, unless a measure that rules read has changed (`Scoring.watches`,
    `Scoring.concerns`), or scores or a question to the models are due. The profile is left as `evaluate` would leave it.
    """
    if at >= profile.due or not profile.evaluated_at or at >= score_due(scoring, profile, is_event=True):
        return False
    ask_due = ask_due_of(scoring, customer, profile)
    if at >= ask_due:
        return False
    profile.evaluated_at = at
    profile.due = min(profile.due, ask_due, score_due(scoring, profile))  # activity shortens both
    return True


def pass_time(
    scoring: Scoring, customer: str, profile: Profile, until: int, most: int | None = None
) -> list[Output]:
    """Evaluate at every instant up to and including *until* (µs) at which something may change without an event.

    Args:
        scoring: Compiled configuration and models.
        customer: Customer id.
        profile: Changed in place; if it is still due afterwards, *most* evaluations did not suffice.
        until: Instant (µs of event time).
        most: Evaluations after which to stop; by default none.
    """
    outputs: list[Output] = []
    turns = 0
    while profile.due <= until and profile.evaluated_at:
        outputs += evaluate(scoring, customer, profile, profile.due)
        turns += 1
        if turns == most:
            break
        if turns > _MOST_TURNS:
            raise RuntimeError(
                f"customer {customer!r} changed {turns:,} times between two events; a lifecycle file makes time alone "
                "move customers in circles: give the stages concerned min_dwell or leave"
            )
    return outputs


def evaluate(
    scoring: Scoring,
    customer: str,
    profile: Profile,
    at: int,
    *,
    late: bool = False,
    moved: bool = False,
    is_event: bool = False,
) -> list[Output]:
    """Decide stages and scores at the instant *at* and set the next instant that matters.

    Args:
        scoring: Compiled configuration and models.
        customer: Customer id.
        profile: Holds no event later than *at*; changed in place.
        at: Event time (µs), not before the last evaluation.
        late: Move no stage backwards.
        moved: Whether purchase totals changed, which is published in any case.
        is_event: Whether an event causes the evaluation, rather than time.
    """
    tracks = scoring.tracks
    standings = profile.standings
    while len(standings) < len(tracks):
        standings.append(Standing())
    profile.asked_at = profile.asked_at or at
    outputs = _answers(scoring, customer, profile, at) if at >= profile.due else []
    rescoring = moved or at >= score_due(scoring, profile, is_event=is_event)
    ask_due = ask_due_of(scoring, customer, profile)
    is_asking = at == ask_due
    is_scoring = rescoring or is_asking
    values: list[float] | None = None
    due = FAR
    for index, track in enumerate(tracks):
        standing = standings[index]
        vector, expiry = (track.rules if late else track.deciding[standing.stage]).look(profile, at)
        stage, weighed = _decide(scoring, index, profile, vector, at, late=late, is_scoring=is_scoring)
        reason = ""
        if stage != standing.stage:
            reason = _move(track, index, standing, profile, stage, at)
            vector, expiry = track.deciding[stage].look(profile, at)
        if reason or is_scoring or weighed or is_cooled(scoring.policy, standing, profile.evaluated_at, at):
            values = values or scoring.inputs.values(profile, at)
            outputs += _publish(scoring, index, customer, profile, values, at, reason, moved=moved or weighed)
            if is_asking:
                outputs += _ask(scoring, index, customer, profile, values, at)
        change = track.lifecycle.next_change(
            at, vector, standing, standing.risk, standing.next_p, expiry, late
        )
        due = min(due, change, alert_due(scoring.policy, standing, at))
    if at >= ask_due:  # what was missed in a long silence is not asked at the event that ends it
        profile.asked_at = at
        ask_due = ask_due_of(scoring, customer, profile)
    if rescoring:
        profile.scored_at = at
    profile.evaluated_at = at
    answer = next_answer(profile.pending, scoring.horizons) if profile.pending else FAR
    profile.due = min(due, ask_due, answer, score_due(scoring, profile))
    return outputs


def state_of(
    scoring: Scoring,
    index: int,
    customer: str,
    profile: Profile,
    *,
    reason: str = "rescored",
    event_time: int | None = None,
) -> bytes:
    """The stage change that tells the present state of a customer in lifecycle *index*."""
    track, standing = scoring.tracks[index], profile.standings[index]
    return stage_change_json(
        customer,
        profile,
        standing,
        lifecycle=track.name,
        stages=track.stages,
        reason=reason,
        event_time=standing.since if event_time is None else event_time,
        value_segment=scoring.policy.segment_of(profile.counts[_REVENUE]),
        recommended_action=track.actions[standing.stage],
        model_version=scoring.predictors[index].version,
    )


def totals(profile: Profile) -> tuple[int, int, int, int]:
    """Orders, revenue (micro-units), refunds and cancellations: what is published whenever it changes."""
    counts = profile.counts
    return counts[_ORDERS], counts[_REVENUE], counts[_REFUNDS], counts[_CANCELLATIONS]


def _decide(
    scoring: Scoring,
    index: int,
    profile: Profile,
    vector: list[float],
    at: int,
    *,
    late: bool,
    is_scoring: bool,
) -> tuple[int, bool]:
    """The stage by the rules, and whether fresh scores stand in the standing and are owed to the world.

    Rules read the published scores, so that the world can see why a stage is what it is; fresh ones take their place,
    and are published, when they have moved by the step or lead to another stage.
    """
    lifecycle, standing = scoring.tracks[index].lifecycle, profile.standings[index]
    stage = lifecycle.decide(at, vector, standing, standing.risk, standing.next_p, late)
    if stage < standing.stage:  # what decides about earlier stages has not been looked at yet
        vector = scoring.tracks[index].rules.look(profile, at)[0]
        stage = lifecycle.decide(at, vector, standing, standing.risk, standing.next_p, late)
    is_open = is_scoring or stage != standing.stage
    if not (lifecycle.uses_scores and is_open and standing.stage >= 0):
        return stage, False
    published = (standing.risk, standing.next_stage, standing.next_p)
    _foresee(standing, _look(scoring, index, standing, profile, scoring.inputs.values(profile, at), at))
    fresh = lifecycle.decide(at, vector, standing, standing.risk, standing.next_p, late)
    if fresh == stage and abs(standing.risk - published[0]) < scoring.policy.risk_step:
        standing.risk, standing.next_stage, standing.next_p = published
        return stage, False
    return fresh, True


def _move(track: Track, index: int, standing: Standing, profile: Profile, stage: int, at: int) -> str:
    lifecycle, before = track.lifecycle, standing.stage
    reason = lifecycle.move(before, stage)
    standing.cycle = lifecycle.next_cycle(before, stage, standing.cycle)
    standing.previous, standing.stage, standing.since = before, stage, at
    note_transition(profile, index, stage, at, track.horizons)
    return reason


def _publish(
    scoring: Scoring,
    index: int,
    customer: str,
    profile: Profile,
    values: list[float],
    at: int,
    reason: str,
    *,
    moved: bool,
) -> list[Output]:
    """Publish a move, or a score that has moved far enough; with an alert if the risk has crossed the threshold."""
    standing, policy = profile.standings[index], scoring.policy
    before = standing.risk
    outlook = _look(scoring, index, standing, profile, values, at)
    crossed = crossing(policy, standing, profile, at)
    if not (reason or moved or crossed or abs(standing.risk - before) >= policy.risk_step):
        standing.risk = before
        return []
    _foresee(standing, outlook)
    raises(standing, crossed, at)
    standing.version = 1 + max(each.version for each in profile.standings)
    key = customer.encode()
    state = state_of(scoring, index, customer, profile, reason=reason or "rescored", event_time=at)
    move = (index, standing.previous, standing.stage) if reason else None
    outputs = [Output(STAGE_CHANGE, key, state, move)]
    if crossed:
        seen = scoring.view(values, standing, at)
        outputs.append(alert_of(scoring, index, customer, profile, seen, at, crossed))
    return outputs


def _look(
    scoring: Scoring, index: int, standing: Standing, profile: Profile, values: list[float], at: int
) -> Outlook:
    """Put the churn risk of the moment into the standing; whoever was never active has none."""
    scoring.scored[index] += 1
    foresee = partial(scoring.tracks[index].deadline, profile, standing, at)
    outlook = scoring.predictors[index].look(scoring.view(values, standing, at), standing.stage, foresee)
    askable = is_askable(profile, scoring.horizons[index].label)
    standing.risk = outlook.churn if askable and math.isfinite(outlook.churn) else -1.0
    return outlook


def _foresee(standing: Standing, outlook: Outlook) -> None:
    """Put into the standing which other stage is the likeliest to follow."""
    likely, chance = -1, 0.0
    for stage, probability in enumerate(outlook.next_stage()):
        if stage != standing.stage and probability > chance:
            likely, chance = stage, probability
    standing.next_stage, standing.next_p = likely, chance


def _ask(
    scoring: Scoring, index: int, customer: str, profile: Profile, values: list[float], at: int
) -> list[Output]:
    """Ask the models, and tell the trainer what was asked: how a population orders is learned without answers."""
    standing, predictor = profile.standings[index], scoring.predictors[index]
    waiting = sum(1 for pending in profile.pending if pending.lifecycle == index)
    can_churn = is_askable(profile, scoring.horizons[index].label)
    # Of who cannot churn there are many, and a question lies in the profile for months: one at a time.
    most = scoring.policy.max_pending if can_churn else is_drawn(customer)
    if waiting >= most:
        return []
    seen = scoring.view(values, standing, at)
    deadline = scoring.tracks[index].deadline(profile, standing, at)
    scores = predictor.score(seen, standing.stage, deadline)
    pending = ask(
        profile,
        at=at,
        lifecycle=index,
        stage=standing.stage,
        features=seen,
        risk=scores.churn if can_churn else -1.0,
        next_stage=scores.next_stage,
        value=scores.value,
        model_version=predictor.version,
        deadline=deadline or (),
    )
    return [Output(EXAMPLE, customer.encode(), question_of(scoring, customer, pending))] if can_churn else []


def _answers(scoring: Scoring, customer: str, profile: Profile, at: int) -> list[Output]:
    return [
        Output(EXAMPLE, customer.encode(), example_of(scoring, customer, answer))
        for answer in settle(profile, at, scoring.horizons)
    ]

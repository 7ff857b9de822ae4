"""Runs a source through the step in one process, without Kafka and Redis: the same bytes, the same engine.

Records are folded in event-time order; between them time passes through every instant at which something is
due. What comes out equals what workers with the event clock publish when the same source is replayed to them.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec
import orjson

from scorers.learner import Learner
from scorers.predictor import cold_start
from state import (
    DAY,
    MEASURE_IDS,
    TOPICS,
    Bounds,
    Event,
    MeasureMap,
    Profile,
    Rejected,
    decode_event,
    format_instant,
    parse_instant,
)
from stream_app.alignment import Alignment, Arrived
from stream_app.effects import Effects, Refused
from stream_app.engine import PartitionEngine
from stream_app.identity_notes import read_note
from stream_app.judgement import Judgement
from stream_app.outputs import EXAMPLE, MERGE, NOTE, STAGE_CHANGE
from stream_app.purchases import Purchases
from stream_app.questions import Questions
from stream_app.scoring import Scoring
from stream_app.snapshots import Snapshots
from stream_app.sources.record import Record
from stream_app.topics import IDENTITIES, READ

__all__ = ["Backtest", "Outcome", "Plan", "with_label_horizon"]

_RUN = 5_000
_NOTES = READ.index(IDENTITIES)
_MICRO = 1_000_000
_EVENTS, _ORDERS, _REVENUE, _REFUNDS = (
    MEASURE_IDS[name] for name in ("events", "orders", "revenue", "refunds")
)
_SOURCES = {name: index for index, name in enumerate(TOPICS)}

Write = Callable[[bytes], object]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is asked of a backtest.

    Args:
        until: Instant (µs) at which to end, by default the last event.
        snapshot_every: Time (µs) between two snapshots of all customers; by default the step asks its own
            questions, on each customer's own schedule.
        received_at: Processing time (µs), against which "in the future" is measured.
        transitions: Gets each line of `transitions.jsonl`.
        predictions: Gets each line of `predictions.jsonl`.
        labels: Gets each line of `labels.jsonl`: what was learned when.
        tell: Hears how many records have been read, and the event time (µs) reached.
    """

    until: int | None
    snapshot_every: int | None
    received_at: int
    transitions: Write
    predictions: Write
    labels: Write = lambda _line: None
    tell: Callable[[int, int], object] = lambda _count, _at: None


@dataclass(slots=True)
class Outcome:
    """What a backtest has counted.

    Args:
        outcomes: Records by outcome: applied, duplicate, late, dead_letter.
        rejections: Dead letters by reason.
        reasons: Transitions by (lifecycle, reason).
        moves: Transitions by (lifecycle, from, to); from is empty for those who enter.
        merges: Merges of two ids by what became of them: merged or refused.
        populations: By instant (µs): customers by (lifecycle, stage).
        first: First event time (µs), 0 without events.
        end: Instant (µs) reached.
        seconds: Processing time.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    rejections: Counter[str] = field(default_factory=Counter)
    reasons: Counter[tuple[str, str]] = field(default_factory=Counter)
    moves: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    merges: Counter[str] = field(default_factory=Counter)
    populations: list[tuple[int, Counter[tuple[int, int]]]] = field(default_factory=list)
    first: int = 0
    end: int = 0
    seconds: float = 0.0


class Backtest:
    """One run over one source.

    Args:
        scoring: Compiled lifecycles; its predictors are replaced as models learn.
        store: Where profiles are kept.
        kinds: Which event name counts as what.
        bounds: What is believable.
        plan: What is asked.

    Attributes:
        engine: Holds every profile when the run has ended.
        outcome: What was counted.
        judgements: Predictions by lifecycle name.
    """

    def __init__(self, scoring: Scoring, store: Any, kinds: MeasureMap, bounds: Bounds, plan: Plan) -> None:
        if plan.snapshot_every is not None:
            # The snapshots ask all the questions; the step's own would teach the same customers twice.
            scoring.policy = msgspec.structs.replace(scoring.policy, max_pending=0)
        self.engine = PartitionEngine(scoring, store, "event")
        self.outcome = Outcome()
        self.judgements = {
            track.name: Judgement(track.stages, track.horizons, plan.predictions, plan.labels)
            for track in scoring.tracks
        }
        self._scoring = scoring
        self._kinds = kinds
        self._bounds = bounds
        self._plan = plan
        self._run: list[Arrived] = []
        self._count = 0
        self._runs = 0
        # Between topics records are merged by event time, by the very code of the worker.
        self._merge = Alignment(len(TOPICS), hold=0.0, patience=0.0)
        self._snapshots: Snapshots | None = None
        self._questions: Questions | None = None
        self._purchases = Purchases()
        self._sampled = 0
        self._notes: list[bytes] = []
        self._noted = 0
        self._moved: set[str] = set()
        self._is_cut = False

    def run(self, records: Iterable[Record]) -> Outcome:
        """Go through the records, by event time, to the end.

        Raises:
            SourceUnreadable: If the source turns out to be damaged.
        """
        started = time.monotonic()
        outcome, until = self.outcome, self._plan.until
        for record in records:
            if until is not None and record.at > until:
                continue
            self._cross_before(record.at)
            self._take(record)
        outcome.end = max(outcome.end, until or 0)
        self._cross_before(outcome.end)
        self._fold()
        self._note(self.engine.advance(outcome.end))
        self._close()
        outcome.seconds = time.monotonic() - started
        return outcome

    @property
    def learners(self) -> dict[str, Learner]:
        """What has been learned, by lifecycle name; nothing before the first event."""
        schedule = self._snapshots or self._questions
        return {} if schedule is None else schedule.learners

    def profile_lines(self) -> Iterator[bytes]:
        """Yield the lines of `profiles.jsonl`: one a customer and lifecycle, by customer id."""
        for customer, profile in sorted(self.engine.profiles(), key=lambda known: known[0]):
            for index in range(len(self._scoring.tracks)):
                yield orjson.dumps(self._profile(index, customer, profile))

    # ------------------------------------------------------------------ records

    def _take(self, record: Record) -> None:
        source = _SOURCES[record.topic]
        item: Any
        try:
            item = decode_event(record.value, None, self._kinds, self._bounds, self._plan.received_at)
            self.outcome.end = max(self.outcome.end, item.at)
            if not self.outcome.first:
                self._begin(item.at)
            if item.kind.amount == _REVENUE and item.active:
                self._purchases.note(item.customer, item.at, item.amount, item.message)
        except Rejected as rejection:
            item = Refused(rejection.reason, rejection.sentence, record.customer.encode(), record.value)
            self.outcome.rejections[rejection.reason] += 1
        self._run.append(Arrived(record.at, source, self._count, item))
        self._count += 1
        if (self._is_cut or len(self._run) >= _RUN) and len(self._run) > 1 and record.at > self._run[-2].at:
            # what happened at one instant stays in one run, for it is merged by topic
            last = self._run.pop()
            self._fold()
            self._run.append(last)
        if isinstance(item, Event) and (item.link or item.customer in self._moved):
            self._is_cut = True  # ids find together before time goes on

    def _fold(self) -> None:
        if not self._run:
            return
        by_topic: dict[int, list[Arrived]] = {}
        for record in self._run:
            by_topic.setdefault(record.source, []).append(record)
        for records in by_topic.values():
            self._merge.add(records, now=0.0)
        reached, self._run = self._run[-1].at, []
        self._note(self.engine.fold(self._merge.release(now=0.0), stamp=(0, self._runs)))
        self._deliver_notes()
        self._runs += 1
        self.engine.delivered(0, self._runs)
        self._plan.tell(self._count, reached)

    def _deliver_notes(self) -> None:
        """Let ids of one person hear each other until nobody has anything to say."""
        self._is_cut = False
        while self._notes:
            taken, self._notes = self._notes, []
            run = [Arrived(0, _NOTES, self._noted + n, read_note(each)) for n, each in enumerate(taken)]
            self._noted += len(run)
            self._note(self.engine.receive(run, stamp=(0, self._runs)))

    # ------------------------------------------------------------------ time

    def _begin(self, first: int) -> None:
        self.outcome.first = first
        self._sampled = first // DAY * DAY
        every, asked = self._plan.snapshot_every, (self._scoring, self.judgements, self._purchases, first)
        if every is None:
            self._questions = Questions(*asked)
        else:
            self._snapshots = Snapshots(*asked, every)

    def _cross_before(self, at: int) -> None:
        """Stop at every instant up to *at* at which models are asked, answered or taught."""
        while self.outcome.first and (due := self._due()) <= at:
            self._fold()
            self._note(self.engine.advance(due - 1))
            if self._snapshots is not None:
                self._snapshots.cross(self.engine, due)
            if self._questions is not None:
                self._questions.cross(due)
            if due >= self._sampled:
                self._sample(due)

    def _due(self) -> int:
        schedule = self._snapshots or self._questions
        return schedule.due if schedule is not None else 1 << 62

    def _sample(self, at: int) -> None:
        self.outcome.populations.append((at, +self.engine.population))
        self._sampled = at + 7 * DAY

    def _close(self) -> None:
        if not self.outcome.first:
            return
        if self._snapshots is not None:
            self._snapshots.close()
        if self._questions is not None:
            self._questions.close(self.engine)
        self._sample(self.outcome.end)

    # ------------------------------------------------------------------ effects

    def _note(self, effects: Effects) -> None:
        for (source, name), count in effects.outcomes.items():
            if source != _NOTES:  # a forwarded event is an event once
                self.outcome.outcomes["applied" if name == "forwarded" else name] += count
        self.outcome.moves.update(effects.moves)
        for output in effects.outputs:
            if output.kind == STAGE_CHANGE:
                self._note_change(output.payload)
            elif output.kind == NOTE:
                self._notes.append(output.payload)
            elif output.kind == MERGE:
                self._note_merge(orjson.loads(output.payload))
            elif output.kind == EXAMPLE and self._questions is not None:
                self._questions.note_example(output.key.decode(), output.payload)

    def _note_merge(self, merge: dict[str, Any]) -> None:
        action, customer, other = merge["action"], merge["customer_id"], merge["anonymous_id"]
        self.outcome.merges[action] += 1
        if action == "merged":
            self._moved.add(other)
            self._purchases.join(customer, other, parse_instant(merge["event_time"]))
        elif action == "unmerged":
            self._purchases.part(customer, other)
        if self._snapshots is not None:
            self._snapshots.note_merge(action, other)

    def _note_change(self, payload: bytes) -> None:
        change = orjson.loads(payload)
        if change["reason"] == "rescored":
            return
        self.outcome.reasons[change["lifecycle"], change["reason"]] += 1
        self._plan.transitions(payload)
        if (asking := self._snapshots or self._questions) is not None:
            asking.note_move(change)

    def _profile(self, index: int, customer: str, profile: Profile) -> dict[str, Any]:
        track, standing = self._scoring.tracks[index], profile.standings[index]
        stages, counts = track.stages, profile.counts
        return {
            "customer_id": customer,
            "lifecycle": track.name,
            "stage": stages[standing.stage],
            "previous_stage": stages[standing.previous] if standing.previous >= 0 else None,
            "since": format_instant(standing.since),
            "cycle": standing.cycle,
            "events": counts[_EVENTS],
            "orders": counts[_ORDERS],
            "revenue": counts[_REVENUE] / _MICRO,
            "refunds": counts[_REFUNDS],
            "first_event_time": format_instant(profile.first[_EVENTS]) if profile.first[_EVENTS] else None,
            "last_event_time": format_instant(profile.last[_EVENTS]) if profile.last[_EVENTS] else None,
            "churn_risk": round(standing.risk, 6) if standing.risk >= 0 else None,
            "next_stage": stages[standing.next_stage] if standing.next_stage >= 0 else None,
            "next_stage_probability": round(standing.next_p, 6),
            "version": standing.version,
        }


def with_label_horizon(scoring: Scoring, horizon: int) -> Scoring:
    """Set how far labels look ahead, whatever the lifecycle files say.

    Churn looks *horizon* (µs) ahead, the next stage no further than that; value as far as the files say, for its
    name tells how far that is. Models start anew.
    """
    for track in scoring.tracks:
        asked = track.horizons
        track.horizons = msgspec.structs.replace(
            asked, churn=horizon, next_stage=min(asked.next_stage, horizon)
        )
    scoring.horizons = tuple(track.horizons for track in scoring.tracks)
    scoring.silence = 2 * max(each.churn for each in scoring.horizons)
    scoring.predictors = [cold_start(track.task) for track in scoring.tracks]
    return scoring

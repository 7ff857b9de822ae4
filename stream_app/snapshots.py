"""Questions to the models at fixed instants: every known customer at 00:00 UTC of every n-th day.

A snapshot at the instant S knows what happened before S. Its answers look at S up to, not including, S +
horizon, and are learned when that time has passed, everybody's alike: an early answer for those who came back
would bias what is learned first (Grzenda, Gomes, Bifet 2019). The metric takes the stored prediction before a
model learns.
"""

from collections import deque
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import msgspec
from xxhash import xxh3_64_hexdigest

from scorers.example import Example
from scorers.learner import FEATURE_SCHEMA, Learner
from scorers.predictor import predictor_of
from state import DAY, MEASURE_IDS, Profile, format_instant, is_askable, pack, parse_instant, unpack
from stream_app.engine import PartitionEngine
from stream_app.judgement import Judgement, Prediction
from stream_app.scoring import Scoring, Track

_EVENTS, _ORDERS, _REVENUE, _CANCELLATIONS = (
    MEASURE_IDS[name] for name in ("events", "orders", "revenue", "cancellations")
)
_MICRO = 1_000_000
_written = lru_cache(maxsize=64)(format_instant)


class _Question(msgspec.Struct, gc=False):
    prediction: Prediction
    stage: str
    features: bytes
    revenue: int


class Snapshots:
    """Asks, answers, judges and learns on a fixed schedule.

    Args:
        scoring: Its predictors are replaced by what has been learned.
        judgements: By lifecycle name.
        start: Instant of the first event (µs); the schedule counts from 00:00 UTC of its day.
        every: Time (µs) between two snapshots.
    """

    def __init__(self, scoring: Scoring, judgements: Mapping[str, Judgement], start: int, every: int) -> None:
        self._scoring = scoring
        self._judgements = judgements
        self._every = every
        self._next = start // DAY * DAY + every  # on the first day nobody is known yet
        self._learners = {track.name: Learner(track.task) for track in scoring.tracks}
        self._tracks = {track.name: track for track in scoring.tracks}
        # A question waits in three queues, in the order of asking: for churn, for value, for learning.
        self._churn: dict[str, deque[_Question]] = {track.name: deque() for track in scoring.tracks}
        self._value: dict[str, deque[_Question]] = {track.name: deque() for track in scoring.tracks}
        self._asked: dict[str, deque[_Question]] = {track.name: deque() for track in scoring.tracks}
        self._moves: dict[tuple[str, str], list[tuple[int, str]]] = {}

    @property
    def due(self) -> int:
        """The next instant (µs) at which something is asked or answered, before later events are folded."""
        due = self._next
        for name, track in self._tracks.items():
            for questions, horizon in (
                (self._churn[name], track.horizons.churn),
                (self._value[name], track.horizons.value),
                (self._asked[name], track.horizons.longest),
            ):
                if questions:
                    due = min(due, questions[0].prediction.at + horizon)
        return due

    def note_move(self, change: Mapping[str, Any]) -> None:
        """Remember a transition (a stage change of the contracts): it may answer a question."""
        moves = self._moves.setdefault((change["lifecycle"], change["customer_id"]), [])
        moves.append((parse_instant(change["event_time"]), change["stage"]))

    def cross(self, engine: PartitionEngine, at: int) -> None:
        """Answer, learn and ask at *at*; the engine holds everything before it and nothing later."""
        learned = False
        for name, track in self._tracks.items():
            self._settle_churn(engine, name, track, at)
            self._settle_value(engine, name, track, at)
            learned |= self._learn(name, track, at)
        if learned:
            self._scoring.serve({name: predictor_of(each) for name, each in self._learners.items()})
        if at >= self._next:
            self._ask_all(engine, at)
            self._next += self._every

    def close(self, reached: int) -> None:
        """Tell what was asked and cannot be answered any more; *reached* is the last instant (µs) known."""
        for name, track in self._tracks.items():
            for question in self._asked[name]:
                prediction = question.prediction
                if prediction.at + track.horizons.next_stage - 1 <= reached:
                    prediction.next = self._move(track, prediction) or question.stage
                self._judgements[name].tell(prediction)

    def _ask_all(self, engine: PartitionEngine, at: int) -> None:
        scoring = self._scoring
        for customer, profile in engine.profiles():
            values = scoring.inputs.values(profile, at - 1)
            features = pack(values)
            for index, track in enumerate(scoring.tracks):
                stage = profile.standings[index].stage
                scores = scoring.predictors[index].score(values, stage)
                known = is_askable(profile, track.horizons.label)
                prediction = Prediction(
                    customer=customer,
                    lifecycle=track.name,
                    at=at,
                    churn_risk=scores.churn if known else None,
                    next_stage=dict(zip(track.stages, scores.next_stage, strict=True)),
                    value=scores.value,
                    model_version=scoring.predictors[index].version,
                )
                question = _Question(prediction, track.stages[stage], features, profile.counts[_REVENUE])
                self._asked[track.name].append(question)
                self._value[track.name].append(question)
                if known:
                    self._churn[track.name].append(question)

    def _settle_churn(self, engine: PartitionEngine, name: str, track: Track, at: int) -> None:
        waiting = self._churn[name]
        while waiting and waiting[0].prediction.at + track.horizons.churn <= at:
            prediction = waiting.popleft().prediction
            profile = engine.profile(prediction.customer)
            if profile is not None:
                prediction.churned = int(_churned(profile, prediction.at, track))

    def _settle_value(self, engine: PartitionEngine, name: str, track: Track, at: int) -> None:
        waiting = self._value[name]
        while waiting and waiting[0].prediction.at + track.horizons.value <= at:
            question = waiting.popleft()
            profile = engine.profile(question.prediction.customer)
            if profile is not None:
                question.prediction.spent = (profile.counts[_REVENUE] - question.revenue) / _MICRO

    def _learn(self, name: str, track: Track, at: int) -> bool:
        asked, learner = self._asked[name], self._learners[name]
        learned = False
        while asked and asked[0].prediction.at + track.horizons.longest <= at:
            question = asked.popleft()
            prediction = question.prediction
            prediction.next = self._move(track, prediction) or question.stage
            self._judgements[name].tell(prediction)
            learner.learn(_example(question, at))
            learned = True
        return learned

    def _move(self, track: Track, prediction: Prediction) -> str | None:
        """The first stage moved to within the horizon; moves before the prediction are forgotten."""
        moves = self._moves.get((track.name, prediction.customer))
        if not moves:
            return None
        until = prediction.at + track.horizons.next_stage
        while moves and moves[0][0] < prediction.at:
            moves.pop(0)
        return moves[0][1] if moves and moves[0][0] < until else None


def _churned(profile: Profile, asked: int, track: Track) -> bool:
    """Whether nothing of the watched kind has happened since *asked*; exact at the horizon."""
    if track.horizons.label == "cancellations":
        return profile.last[_CANCELLATIONS] >= asked
    watched = _ORDERS if track.horizons.label == "orders" else _EVENTS
    return profile.last[watched] < asked


def _example(question: _Question, at: int) -> Example:
    prediction = question.prediction
    asked_at = _written(prediction.at)
    identity = f"{prediction.lifecycle}/{asked_at}/{prediction.customer}"
    return Example(
        id=xxh3_64_hexdigest(identity.encode()),
        lifecycle=prediction.lifecycle,
        asked_at=asked_at,
        answered_at=_written(at),
        stage=question.stage,
        features=list(unpack(question.features)),
        schema=FEATURE_SCHEMA,
        churn_risk=prediction.churn_risk,
        next_stage=prediction.next_stage,
        value=prediction.value,
        model_version=prediction.model_version,
        churned=prediction.churned,
        next=prediction.next,
        spent=prediction.spent,
    )

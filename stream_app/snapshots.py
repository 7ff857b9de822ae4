"""Questions to the models at fixed instants: every known customer at 00:00 UTC of every n-th day.

A snapshot at the instant S knows what happened before S. Its answers look at S up to, not including, S +
horizon, and are learned when that time has passed, everybody's alike: an early answer for those who came back
would bias what is learned first (Grzenda, Gomes, Bifet 2019). Each kind of label is learned at its own horizon: what
follows a stage is known long before who has churned.
The metric takes the stored prediction before a model learns.
"""

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import groupby
from typing import Any

from xxhash import xxh3_64_hexdigest

from scorers.example import Example
from scorers.learner import FEATURE_SCHEMA, Learner
from scorers.predictor import predictor_of
from scorers.transforms import LAST_EVENT, LAST_ORDER
from state import DAY, FAR, MEASURE_IDS, Horizons, Profile, format_instant, is_askable, parse_instant
from stream_app.asked import UNKNOWN, Asked
from stream_app.engine import PartitionEngine
from stream_app.examples import deadline_told
from stream_app.judgement import LABELS, Judgement, Learned, Prediction, learning_delays
from stream_app.purchases import Purchases
from stream_app.scoring import Scoring, Track

__all__ = ["Snapshots"]

_EVENTS, _ORDERS, _REVENUE, _CANCELLATIONS = (
    MEASURE_IDS[name] for name in ("events", "orders", "revenue", "cancellations")
)
_WATCHED = {"orders": _ORDERS, "events": _EVENTS, "cancellations": _CANCELLATIONS}
_MICRO = 1_000_000
_LARGEST = 3.4e38
_written = lru_cache(maxsize=256)(format_instant)
Steps = tuple[tuple[int, tuple[str, ...]], ...]


class Snapshots:
    """Asks, answers, judges and learns on a fixed schedule.

    Args:
        scoring: Its predictors are replaced by what has been learned.
        judgements: By lifecycle name.
        purchases: What everybody bought.
        start: Instant of the first event (µs); the schedule counts from 00:00 UTC of its day.
        every: Time (µs) between two snapshots.

    Attributes:
        due: The next instant (µs) at which something is asked or answered, before later events are folded.
        learners: What has been learned, by lifecycle name.
    """

    def __init__(
        self,
        scoring: Scoring,
        judgements: Mapping[str, Judgement],
        purchases: Purchases,
        start: int,
        every: int,
    ) -> None:
        self._scoring = scoring
        self._judgements = judgements
        self._purchases = purchases
        self._every = every
        self._next = start // DAY * DAY + every  # on the first day nobody is known yet
        self.learners = {track.name: Learner(track.task) for track in scoring.tracks}
        self._waiting: list[deque[Asked]] = [deque() for _ in scoring.tracks]
        self._moves: dict[tuple[str, str], deque[tuple[int, int]]] = {}
        self._names: dict[str, str] = {}  # each id once, however many questions wait
        self._merged: set[str] = set()
        self.due = self._next

    def note_move(self, change: Mapping[str, Any]) -> None:
        """Remember a transition (a stage change of the contracts): it may answer a question."""
        track = next(track for track in self._scoring.tracks if track.name == change["lifecycle"])
        moves = self._moves.setdefault((track.name, change["customer_id"]), deque())
        moves.append((parse_instant(change["event_time"]), track.stages.index(change["stage"])))

    def note_merge(self, action: str, name: str) -> None:
        """Remember which ids have become part of a customer: what was asked about them has no answer of its own."""
        if action == "merged":
            self._merged.add(name)
        elif action == "unmerged":
            self._merged.discard(name)

    def cross(self, engine: PartitionEngine, at: int) -> None:
        """Answer, learn and ask at *at*; the engine holds everything before it and nothing later."""
        for index, track in enumerate(self._scoring.tracks):
            for asked in self._waiting[index]:
                for horizon, labels in _due(_settled_at(track.horizons), asked, at):
                    self._settle(engine, track, asked, labels)
                    asked.answered = horizon
                    if together := _learned_at(track.horizons).get(horizon):
                        self._learn(track, asked, together, horizon, at)
            self._tell_complete(index, track)
        if at >= self._next:
            self._scoring.serve({name: predictor_of(each) for name, each in self.learners.items()})
            self._ask_all(engine, at)
            self._next += self._every
        self.due = self._upcoming()

    def close(self) -> None:
        """Tell what was asked and cannot be answered any more."""
        for index, track in enumerate(self._scoring.tracks):
            for asked in self._waiting[index]:
                self._tell(track, asked)

    def _upcoming(self) -> int:
        due = self._next
        for track, waiting in zip(self._scoring.tracks, self._waiting, strict=True):
            for asked in waiting:
                horizons = (horizon for horizon, _ in _settled_at(track.horizons))
                due = min(due, asked.at + next((each for each in horizons if each > asked.answered), FAR))
        return due

    # ------------------------------------------------------------------ asking

    def _ask_all(self, engine: PartitionEngine, at: int) -> None:
        scoring = self._scoring
        predictors = scoring.predictors
        everybody = [Asked(at, predictor.version) for predictor in predictors]
        names = self._names
        for name, profile in engine.profiles():
            customer = names.setdefault(name, name)
            values = scoring.inputs.values(profile, at - 1)
            features = [value if -_LARGEST < value < _LARGEST else _rounded(value) for value in values]
            for index, track in enumerate(scoring.tracks):
                standing, predictor = profile.standings[index], predictors[index]
                seen = scoring.view(features, standing, at - 1)
                deadline = track.deadline(profile, standing, at - 1)
                scores = predictor.score(seen, standing.stage, deadline)
                everybody[index].add(
                    customer,
                    standing.stage,
                    seen,
                    scores,
                    profile.counts[_REVENUE],
                    known=is_askable(profile, track.horizons.label),
                    since=standing.since,
                    deadline=deadline,
                    year=predictor.value_ahead(seen, value=scores.value),
                )
        for index, asked in enumerate(everybody):
            if len(asked):
                self._waiting[index].append(asked)
                self._observe(scoring.tracks[index], asked)

    def _observe(self, track: Track, asked: Asked) -> None:
        """Show what was asked to the learner: how a population orders is learned without answers."""
        learner, asked_at = self.learners[track.name], _written(asked.at)
        for row, customer in asked.rows():
            if asked.risk(row) is not None:
                learner.observe(asked.features(row), asked_at, f"{asked.at}/{customer}")

    # ------------------------------------------------------------------ answering

    def _settle(self, engine: PartitionEngine, track: Track, asked: Asked, labels: tuple[str, ...]) -> None:
        if "next_stage" in labels:
            for row, customer in self._whole(asked):
                moved = self._move(track, customer, asked.at)
                asked.following[row] = asked.stages[row] if moved == UNKNOWN else moved
        if labels == ("next_stage",):
            return
        for row, customer in self._whole(asked):
            profile = engine.profile(customer)
            if profile is None:
                continue
            if "churn" in labels and asked.risk(row) is not None:
                asked.churned[row] = _churned(profile, asked.at, track)
            if "value" in labels:
                before = asked.revenue(row) + self._purchases.brought(customer, asked.at)
                asked.spent[row] = max(0, profile.counts[_REVENUE] - before) / _MICRO

    def _whole(self, asked: Asked) -> Iterator[tuple[int, str]]:
        """Those asked about who are still customers of their own."""
        return ((row, customer) for row, customer in asked.rows() if customer not in self._merged)

    def _move(self, track: Track, customer: str, at: int) -> int:
        """The first stage moved to within the horizon, -1 for none; moves before the question are forgotten."""
        moves = self._moves.get((track.name, customer))
        while moves and moves[0][0] < at:
            moves.popleft()
        return moves[0][1] if moves and moves[0][0] < at + track.horizons.next_stage else UNKNOWN

    def _learn(self, track: Track, asked: Asked, labels: tuple[str, ...], horizon: int, at: int) -> None:
        learner, known, examples = self.learners[track.name], Counter[str](), 0
        for example in self._examples(track, asked, labels, at):
            if example.is_open:
                continue  # no label of these: never active, or part of another customer by now
            learner.learn(example)
            examples += 1
            answers = example.churned, example.next, example.spent
            known.update(name for name, each in zip(LABELS, answers, strict=True) if each is not None)
        step = Learned(
            lifecycle=track.name,
            labels=labels,
            asked_at=asked.at,
            answered_at=asked.at + horizon,
            learned_at=at,
            examples=examples,
            known=known,
            model_version=learner.version,
        )
        self._judgements[track.name].learned([step])

    def _examples(self, track: Track, asked: Asked, labels: tuple[str, ...], at: int) -> Iterator[Example]:
        for row, customer in asked.rows():
            prediction, deadline = self._prediction(track, asked, row, labels), asked.deadline(row)
            yield Example(
                id=xxh3_64_hexdigest(f"{track.name}/{asked.at}/{'+'.join(labels)}/{customer}".encode()),
                lifecycle=track.name,
                asked_at=_written(asked.at),
                answered_at=_written(at),
                stage=prediction.stage,
                features=list(asked.features(row)),
                schema=FEATURE_SCHEMA,
                churn_risk=prediction.churn_risk,
                next_stage=prediction.next_stage,
                value=prediction.value,
                model_version=asked.version,
                churned=prediction.churned,
                next=prediction.next,
                spent=prediction.spent,
                **({} if deadline is None else deadline_told(deadline, track.stages)),
            )

    # ------------------------------------------------------------------ telling

    def _tell_complete(self, index: int, track: Track) -> None:
        waiting = self._waiting[index]
        while waiting and waiting[0].answered == track.horizons.longest:
            self._tell(track, waiting.popleft())

    def _tell(self, track: Track, asked: Asked) -> None:
        judgement, back = self._judgements[track.name], track.horizons.value
        place = _recency_place(track)
        for row, customer in asked.rows():
            prediction = self._prediction(track, asked, row)
            prediction.recency = asked.features(row)[place]
            prediction.tenure = asked.tenure(row)
            prediction.before = self._purchases.spent(customer, asked.at - back, asked.at)
            judgement.tell(prediction)

    @staticmethod
    def _prediction(track: Track, asked: Asked, row: int, labels: Iterable[str] = LABELS) -> Prediction:
        churned, following, spent = asked.churned[row], asked.following[row], asked.spent[row]
        return Prediction(
            customer=asked.customers[row],
            lifecycle=track.name,
            at=asked.at,
            stage=track.stages[asked.stages[row]],
            churn_risk=asked.risk(row),
            next_stage=dict(zip(track.stages, asked.chances(row), strict=True)),
            value=asked.values[row],
            year=asked.years[row],
            model_version=asked.version,
            recency=0.0,
            tenure=0.0,
            before=0.0,
            churned=churned if "churn" in labels and churned != UNKNOWN else None,
            next=track.stages[following] if "next_stage" in labels and following != UNKNOWN else None,
            spent=spent if "value" in labels and spent >= 0.0 else None,
        )


@lru_cache(maxsize=64)
def _settled_at(horizons: Horizons) -> Steps:
    """Which labels are known after which time, the soonest first."""
    kinds = [(horizons.churn, "churn"), (horizons.next_stage, "next_stage"), (horizons.value, "value")]
    grouped = groupby(sorted(kinds), key=lambda kind: kind[0])
    return tuple((horizon, tuple(name for _, name in group)) for horizon, group in grouped)


@lru_cache(maxsize=64)
def _learned_at(horizons: Horizons) -> dict[int, tuple[str, ...]]:
    """Which labels are learned together after which time."""
    together: dict[int, tuple[str, ...]] = {}
    for label, delay in learning_delays(horizons).items():
        together[delay] = (*together.get(delay, ()), label)
    return together


def _due(steps: Steps, asked: Asked, at: int) -> Iterator[tuple[int, tuple[str, ...]]]:
    return (
        (horizon, labels)
        for horizon, labels in steps
        if asked.answered < horizon and asked.at + horizon <= at
    )


def _churned(profile: Profile, asked: int, track: Track) -> bool:
    """Whether nothing of the watched kind has happened since *asked*; exact at the horizon."""
    happened = profile.last[_WATCHED[track.horizons.label]] >= asked
    return happened if track.horizons.label == "cancellations" else not happened


def _recency_place(track: Track) -> int:
    return LAST_ORDER if track.horizons.label == "orders" else LAST_EVENT


def _rounded(value: float) -> float:
    """What 32 bits can hold: an infinity stays one."""
    return value if value in (float("inf"), float("-inf")) else (_LARGEST if value > 0 else -_LARGEST)

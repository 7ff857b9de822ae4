"""The questions that the step itself asks on each customer's own schedule, answered and learned as they come.

This is what the worker and the trainer do together; here a model is learned once a day of event time.
"""

from collections import deque
from collections.abc import Mapping
from typing import Any

from scorers.example import Example, decode_example
from scorers.learner import Learner
from scorers.predictor import predictor_of
from scorers.transforms import LAST_EVENT, LAST_ORDER
from state import DAY, Pending, parse_instant, unpack
from stream_app.engine import PartitionEngine
from stream_app.judgement import LABELS, Judgement, Learned, Prediction
from stream_app.purchases import Purchases
from stream_app.scoring import Scoring, Track

__all__ = ["Questions"]


class Questions:
    """Judges and learns the examples that the engine hands out.

    Args:
        scoring: Its predictors are replaced by what has been learned.
        judgements: By lifecycle name.
        purchases: What everybody bought.
        start: Instant of the first event (µs).

    Attributes:
        due: The next instant (µs) at which what was answered is learned.
        learners: What has been learned, by lifecycle name.
    """

    def __init__(
        self, scoring: Scoring, judgements: Mapping[str, Judgement], purchases: Purchases, start: int
    ) -> None:
        self._scoring = scoring
        self._judgements = judgements
        self._purchases = purchases
        self._tracks = {track.name: track for track in scoring.tracks}
        self.learners = {track.name: Learner(track.task) for track in scoring.tracks}
        self._answered: list[Example] = []
        self._moves: dict[tuple[str, str], deque[int]] = {}
        for judgement in judgements.values():
            judgement.grain = DAY
        self.due = start // DAY * DAY + DAY

    def note_move(self, change: Mapping[str, Any]) -> None:
        """Remember when a customer came into a stage."""
        moves = self._moves.setdefault((change["lifecycle"], change["customer_id"]), deque())
        moves.append(parse_instant(change["event_time"]))

    def note_example(self, customer: str, payload: bytes) -> None:
        """Take an answered question."""
        example = decode_example(payload)
        self._answered.append(example)
        if example.is_open:
            return
        track, at = self._tracks[example.lifecycle], parse_instant(example.asked_at)
        features = example.vector()
        self._judgements[example.lifecycle].tell(
            Prediction(
                customer=customer,
                lifecycle=example.lifecycle,
                at=at,
                stage=example.stage,
                churn_risk=example.churn_risk,
                next_stage=example.next_stage,
                value=example.value or 0.0,
                model_version=example.model_version,
                recency=_recency(track, features),
                tenure=self._tenure(track, customer, at),
                before=self._before(track, customer, at),
                churned=example.churned,
                next=example.next,
                spent=example.spent,
            )
        )

    def cross(self, at: int) -> None:
        """Learn what was answered up to the instant *at*, in the order of the answers."""
        self.due = at + DAY
        if not self._answered:
            return
        self._answered.sort(key=lambda example: (example.answered_at, example.id))
        for example in self._answered:
            learner = self.learners[example.lifecycle]
            if learner.learn(example) == "observed":
                continue
            labels = tuple(name for name in LABELS if name != "churn" or example.churned is not None)
            step = Learned(
                lifecycle=example.lifecycle,
                labels=labels,
                asked_at=parse_instant(example.asked_at),
                answered_at=parse_instant(example.answered_at),
                learned_at=at,
                examples=1,
                known=dict.fromkeys(labels, 1),
                model_version=learner.version,
            )
            self._judgements[example.lifecycle].learned([step])
        self._answered.clear()
        self._scoring.serve({name: predictor_of(each) for name, each in self.learners.items()})

    def close(self, engine: PartitionEngine) -> None:
        """Tell what was asked and is not answered yet."""
        for customer, profile in engine.profiles():
            for pending in profile.pending:
                prediction = self._unanswered(customer, pending)
                self._judgements[prediction.lifecycle].tell(prediction)

    def _unanswered(self, customer: str, pending: Pending) -> Prediction:
        track, at = self._scoring.tracks[pending.lifecycle], pending.asked_at
        return Prediction(
            customer=customer,
            lifecycle=track.name,
            at=at,
            stage=track.stages[pending.stage],
            churn_risk=pending.risk if pending.is_about_churn else None,
            next_stage=dict(zip(track.stages, unpack(pending.next_stage), strict=True)),
            value=pending.value,
            model_version=pending.model_version,
            recency=_recency(track, unpack(pending.features)),
            tenure=self._tenure(track, customer, at),
            before=self._before(track, customer, at),
            churned=pending.churned if pending.churned >= 0 and pending.is_about_churn else None,
        )

    def _tenure(self, track: Track, customer: str, at: int) -> float:
        """Days in the stage at the question; earlier moves are forgotten, for questions are answered in order."""
        moves = self._moves.get((track.name, customer))
        if not moves:
            return 0.0
        while len(moves) > 1 and moves[1] <= at:
            moves.popleft()
        return max(0, at - moves[0]) / DAY

    def _before(self, track: Track, customer: str, at: int) -> float:
        return self._purchases.spent(customer, at + 1 - track.horizons.value, at + 1)


def _recency(track: Track, features: list[float]) -> float:
    return features[LAST_ORDER if track.horizons.label == "orders" else LAST_EVENT]

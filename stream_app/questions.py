"""The questions that the step itself asks on each customer's own schedule, answered and learned as they come.

This is what the worker and the trainer do together; here a model is learned once a day of event time.
"""

from collections.abc import Mapping

from scorers.example import Example, decode_example
from scorers.learner import Learner
from scorers.predictor import predictor_of
from state import DAY, Pending, parse_instant, unpack
from stream_app.engine import PartitionEngine
from stream_app.judgement import Judgement, Prediction
from stream_app.scoring import Scoring


class Questions:
    """Judges and learns the examples that the engine hands out.

    Args:
        scoring: Its predictors are replaced by what has been learned.
        judgements: By lifecycle name.
        start: Instant of the first event (µs).
    """

    def __init__(self, scoring: Scoring, judgements: Mapping[str, Judgement], start: int) -> None:
        self._scoring = scoring
        self._judgements = judgements
        self._learners = {track.name: Learner(track.task) for track in scoring.tracks}
        self._answered: list[Example] = []
        self.due = start // DAY * DAY + DAY

    def note_example(self, customer: str, payload: bytes) -> None:
        """Take an answered question."""
        example = decode_example(payload)
        self._answered.append(example)
        self._judgements[example.lifecycle].tell(
            Prediction(
                customer=customer,
                lifecycle=example.lifecycle,
                at=parse_instant(example.asked_at),
                churn_risk=example.churn_risk,
                next_stage=example.next_stage,
                value=example.value or 0.0,
                model_version=example.model_version,
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
            self._learners[example.lifecycle].learn(example)
        self._answered.clear()
        self._scoring.serve({name: predictor_of(each) for name, each in self._learners.items()})

    def close(self, engine: PartitionEngine) -> None:
        """Tell what was asked and is not answered yet."""
        for customer, profile in engine.profiles():
            for pending in profile.pending:
                prediction = self._unanswered(customer, pending)
                self._judgements[prediction.lifecycle].tell(prediction)

    def _unanswered(self, customer: str, pending: Pending) -> Prediction:
        track = self._scoring.tracks[pending.lifecycle]
        return Prediction(
            customer=customer,
            lifecycle=track.name,
            at=pending.asked_at,
            churn_risk=pending.risk,
            next_stage=dict(zip(track.stages, unpack(pending.next_stage), strict=True)),
            value=pending.value,
            model_version=pending.model_version,
            churned=pending.churned if pending.churned >= 0 else None,
        )

"""What an answered question teaches: the training example, as it travels to the trainer."""

import math
from collections.abc import Sequence
from typing import Any

from xxhash import xxh3_64_intdigest

from scorers.example import Example, encode_example
from scorers.learner import FEATURE_SCHEMA
from state import Answer, Pending, format_instant, unpack
from stream_app.scoring import Scoring

__all__ = ["deadline_told", "example_of", "question_of"]

_MICRO = 1_000_000


def example_of(scoring: Scoring, customer: str, answer: Answer) -> bytes:
    """The training example of an answered question. Its id names no customer: it is a hash of who and when."""
    question = answer.question
    track = scoring.tracks[question.lifecycle]
    distribution = unpack(question.next_stage)
    identity = xxh3_64_intdigest(f"{track.name}/{question.asked_at}/{customer}".encode())
    example = Example(
        id=f"{identity:016x}",
        lifecycle=track.name,
        asked_at=format_instant(question.asked_at),
        answered_at=format_instant(answer.answered_at),
        stage=track.stages[question.stage],
        features=_seen(question),
        schema=FEATURE_SCHEMA,
        churn_risk=question.risk if question.is_about_churn else None,
        next_stage=dict(zip(track.stages, distribution, strict=True)),
        value=question.value,
        model_version=question.model_version,
        churned=question.churned if question.is_about_churn else None,
        next=track.stages[question.moved_to if question.moved_to >= 0 else question.stage],
        spent=question.spent / _MICRO,
        **(deadline_told(unpack(question.deadline), track.stages) if question.deadline else {}),
    )
    return encode_example(example)


def deadline_told(deadline: Sequence[float], stages: Sequence[str]) -> dict[str, Any]:
    """How an example tells of a `scorers.deadline.Deadline`, or of one that was packed."""
    days, stage, by_orders = deadline
    return {"deadline": days, "deadline_stage": stages[int(stage)], "deadline_by_orders": bool(by_orders)}


def _seen(question: Pending) -> list[float | None]:
    """The features as the models saw them."""
    return [value if math.isfinite(value) else None for value in unpack(question.features)]


def question_of(scoring: Scoring, customer: str, question: Pending) -> bytes:
    """The question as it was asked, without prediction and answers: it tells how customers order, not who leaves."""
    track = scoring.tracks[question.lifecycle]
    asked_at = format_instant(question.asked_at)
    identity = xxh3_64_intdigest(f"{track.name}/{question.asked_at}/{customer}?".encode())
    example = Example(
        id=f"{identity:016x}",
        lifecycle=track.name,
        asked_at=asked_at,
        answered_at=asked_at,
        stage=track.stages[question.stage],
        features=_seen(question),
        schema=FEATURE_SCHEMA,
        model_version=question.model_version,
    )
    return encode_example(example)

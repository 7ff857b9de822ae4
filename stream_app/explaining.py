"""Why does a customer have this churn risk? From the workers' table and the newest models, as of the last evaluation."""

import asyncio

import msgspec

from scorers.explanation import Explanation, explain
from scorers.predictor import Predictor, cold_start
from scorers.snapshot import SnapshotRefused
from scorers.transforms import FEATURES
from state import (
    DAY,
    FeaturePlan,
    Profile,
    Standing,
    StateError,
    decode_profile,
    format_instant,
    is_askable,
    is_context,
)
from stream_app.control import control
from stream_app.errors import LifecycleAppError
from stream_app.model_topic import newest_snapshot
from stream_app.model_topic_of import model_topic
from stream_app.settings import Settings
from stream_app.topics import changelog_name

__all__ = ["MOST_REASONS", "Why", "why"]

MOST_REASONS = 5
PATIENCE_S = 30.0


class Why(msgspec.Struct, frozen=True):
    """Explanations of one customer's churn risks.

    Attributes:
        as_of: Instant of the explanation (RFC 3339), that of the customer's last evaluation.
        by_lifecycle: None for a customer without a churn risk: never active in the sense of that lifecycle, or cancelled.
    """

    as_of: str
    by_lifecycle: dict[str, Explanation | None]


async def why(settings: Settings, customer: str) -> Why | str:
    """Explain the churn risks of a customer.

    Reads the customer's partition of the changelog from end to end, as a worker does that takes it over.

    Returns:
        The explanation, or one sentence that says why there is none.
    """
    try:
        async with asyncio.timeout(PATIENCE_S):
            topic = model_topic(settings)
            snapshot = await newest_snapshot(topic)
            profile = await _stored(settings, customer)
    except (LifecycleAppError, SnapshotRefused, StateError) as error:
        return str(error)
    except TimeoutError:
        return f"models and table could not be read from Kafka at {settings.kafka} within {PATIENCE_S:g} s"
    if profile is None or not profile.evaluated_at:
        return f"{changelog_name(settings)} holds no profile of {customer!r}"
    known = {} if snapshot is None else snapshot.predictors
    at, tasks = profile.evaluated_at, topic.tasks.items()
    return Why(
        as_of=format_instant(at),
        by_lifecycle={
            name: _explained(known.get(name) or cold_start(task), profile, standing, at)
            for (name, task), standing in zip(tasks, profile.standings, strict=False)
        },
    )


def _explained(predictor: Predictor, profile: Profile, standing: Standing, at: int) -> Explanation | None:
    if not is_askable(profile, predictor.task.churn):
        return None
    return explain(predictor, _seen(profile, standing, at), MOST_REASONS)


def _seen(profile: Profile, standing: Standing, at: int) -> list[float]:
    """What the models saw at the instant *at* (µs): of the profile, and of its standing in the lifecycle."""
    plan = FeaturePlan([name for name in FEATURES if not is_context(name)])
    values = dict(zip(plan.names, plan.values(profile, at), strict=True))
    values["days_in_stage"] = (at - standing.since) / DAY
    return [values[name] for name in FEATURES]


async def _stored(settings: Settings, customer: str) -> Profile | None:
    async with control(settings) as workers:
        await workers.listen(customer)
        (partition,) = workers.partitions
        value = await workers.stored(changelog_name(settings), partition, customer.encode())
    return None if value is None else decode_profile(value)

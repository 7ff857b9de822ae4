"""What is wrong at this moment, and what to do about it."""

from typing import NamedTuple

from stream_app.console.context import Context

__all__ = ["Trouble", "troubles"]


class Trouble(NamedTuple):
    """One thing that is wrong.

    Attributes:
        what: It, in a sentence.
        means: What follows from it.
        do: What somebody does about it.
    """

    what: str
    means: str
    do: str


def troubles(context: Context) -> list[Trouble]:
    """Tell everything that is wrong, the worst first."""
    return [*_kafka(context), *_redis(context), *_pages(context), *_history(context)]


def _kafka(context: Context) -> list[Trouble]:
    vitals = context.vitals
    if vitals.kafka:
        return [
            Trouble(
                f"Kafka does not answer: {vitals.kafka}.",
                "Nothing is scored; what is shown is of an earlier moment. No event is lost.",
                "Start Kafka again (`lifecycle up` for the embedded one); workers go on where they were.",
            )
        ]
    if vitals.workers == 0:
        return [
            Trouble(
                "No worker is there.",
                "Events wait, nothing is lost, and stages grow old.",
                "Start `lifecycle worker`; if it ended by itself, its log says why.",
            )
        ]
    return []


def _redis(context: Context) -> list[Trouble]:
    if not context.vitals.redis_reason:
        return []
    return [
        Trouble(
            f"Redis does not answer: {context.vitals.redis_reason}.",
            "Websites read old stages or their default. Nothing is lost: workers keep what is new until Redis is back.",
            "Start Redis again (`lifecycle up` for the embedded one; a demo does it by itself after a minute). "
            "Workers catch up without help. If Redis has lost its data, run `lifecycle republish`.",
        )
    ]


def _pages(context: Context) -> list[Trouble]:
    return [
        Trouble(
            f"The metrics page {page} {reason}.",
            "Latency and models may be shown without that process.",
            "Look whether the process runs, and into its log.",
        )
        for page, reason in context.vitals.pages.items()
        if reason
    ]


def _history(context: Context) -> list[Trouble]:
    reason = context.progress.reason
    if not reason or context.vitals.kafka:  # with Kafka away it is the same trouble
        return []
    return [
        Trouble(
            f"The console does not read: {reason}.",
            "What is shown is of an earlier moment.",
            "It tries again by itself every two seconds; if that does not help, its log says more.",
        )
    ]

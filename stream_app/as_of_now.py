"""The wall clock's way with a run: fold without evaluating, then evaluate everybody once, as of now."""

from collections.abc import Iterator

from state import Event, Profile, apply, settle
from stream_app.effects import Touched
from stream_app.examples import example_of
from stream_app.outputs import EXAMPLE, Output
from stream_app.scoring import Scoring
from stream_app.step import evaluate, pass_time, passes, totals

__all__ = ["answers_before", "evaluated", "fold_only"]


def fold_only(scoring: Scoring, profile: Profile, event: Event, touched: Touched) -> bool:
    """Fold an event, and note that its customer is to be evaluated; returns whether it was new."""
    customer = event.customer
    touched.reached[customer] = max(event.at, touched.reached.get(customer, 0))
    if scoring.watches(event.kind):
        touched.watched.add(customer)
    return apply(profile, event, scoring.fold)


def answers_before(scoring: Scoring, customer: str, profile: Profile, at: int) -> list[Output]:
    """Settle the answers that are due before an event at *at* (µs), which must not be looked at for them."""
    if not profile.pending or profile.due >= at:
        return []
    return [
        Output(EXAMPLE, customer.encode(), example_of(scoring, customer, answer))
        for answer in settle(profile, at - 1, scoring.horizons)
    ]


def evaluated(scoring: Scoring, touched: Touched, now: int) -> Iterator[list[Output]]:
    """Evaluate whoever had an event in the run at its last event, and let time pass for it up to *now* (µs)."""
    for customer, reached in touched.reached.items():
        profile = touched.profiles[customer]
        at = max(profile.last[0] or reached, profile.evaluated_at)
        moved = touched.totals[customer] != totals(profile)
        is_idle = not moved and customer not in touched.watched
        if is_idle and profile.due > now and passes(scoring, customer, profile, at):
            continue
        outputs = evaluate(scoring, customer, profile, at, moved=moved, is_event=True)
        yield outputs + pass_time(scoring, customer, profile, now)

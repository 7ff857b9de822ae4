"""The present state of customers, told again: for a Redis that has lost it, or under a changed lifecycle file."""

from collections.abc import Iterator

from state import Profile
from stream_app.alerting import alert_of
from stream_app.outputs import ERASURE, STAGE_CHANGE, Output, erasure_json
from stream_app.scoring import Scoring
from stream_app.step import state_of

__all__ = ["gone", "told_again", "told_anew"]


def told_again(scoring: Scoring, customer: str, profile: Profile) -> Iterator[Output]:
    """The state of a customer in every lifecycle, and its alerts that stand; of a merged id, whose it is."""
    if profile.identity is not None and profile.identity.moved_to:
        version = max((standing.version for standing in profile.standings), default=0)
        yield from gone(scoring, customer, version, profile.identity.moved_to)
        return
    for index, standing in enumerate(profile.standings):
        if standing.stage >= 0 and index < len(scoring.tracks):
            yield Output(STAGE_CHANGE, customer.encode(), state_of(scoring, index, customer, profile))
            if standing.alerted:
                values = scoring.inputs.values(profile, standing.alerted_at)
                seen = scoring.view(values, standing, standing.alerted_at)
                yield alert_of(scoring, index, customer, profile, seen, standing.alerted_at)


def told_anew(scoring: Scoring, customer: str, profile: Profile) -> Iterator[Output]:
    """The state of a customer under a changed lifecycle file: its stage or action may have another name now."""
    for index, standing in enumerate(profile.standings):
        if standing.stage >= 0:
            standing.version = 1 + max(each.version for each in profile.standings)
            yield Output(STAGE_CHANGE, customer.encode(), state_of(scoring, index, customer, profile))


def gone(scoring: Scoring, customer: str, version: int, alias: str = "") -> Iterator[Output]:
    """The records by which everybody downstream forgets a customer in every lifecycle, or finds it under *alias*."""
    for track in scoring.tracks:
        yield Output(ERASURE, customer.encode(), erasure_json(customer, track.name, version, alias))

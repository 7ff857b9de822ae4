"""Telling where a customer stands once more: under a changed lifecycle file, or to whoever has lost it."""

from collections.abc import Iterator

from state import Profile
from stream_app.alerting import alert_of
from stream_app.outputs import STAGE_CHANGE, Output
from stream_app.scoring import Scoring
from stream_app.step import state_of

__all__ = ["told_again", "told_anew"]


def told_anew(scoring: Scoring, customer: str, profile: Profile) -> Iterator[Output]:
    """The state under a changed lifecycle file, with new versions: its stage or action may have another name now."""
    for index, standing in enumerate(profile.standings):
        if standing.stage >= 0:
            standing.version = 1 + max(each.version for each in profile.standings)
            yield Output(STAGE_CHANGE, customer.encode(), state_of(scoring, index, customer, profile))


def told_again(scoring: Scoring, customer: str, profile: Profile) -> Iterator[Output]:
    """The present state in every lifecycle, and the alerts that stand, as they were told before."""
    for index, standing in enumerate(profile.standings):
        if standing.stage >= 0 and index < len(scoring.tracks):
            yield Output(STAGE_CHANGE, customer.encode(), state_of(scoring, index, customer, profile))
            if standing.alerted:
                values = scoring.inputs.values(profile, standing.alerted_at)
                seen = scoring.view(values, standing, standing.alerted_at)
                yield alert_of(scoring, index, customer, profile, seen, standing.alerted_at)

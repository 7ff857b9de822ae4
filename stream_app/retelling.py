"""The present state of customers, told again: for a Redis that has lost it, or under a changed lifecycle file."""

from collections.abc import Iterable, Iterator

from state import Profile
from stream_app.alerting import alert_of, erased_alert
from stream_app.outputs import ERASURE, STAGE_CHANGE, Output, erasure_json
from stream_app.scoring import Scoring
from stream_app.step import state_of

__all__ = ["gone", "told_again", "told_anew"]


def told_again(scoring: Scoring, profiles: Iterable[tuple[str, Profile]]) -> Iterator[Output]:
    """The state and the last alerts of all customers, then the erasures of those who are gone."""
    erased: list[Output] = []
    for customer, profile in profiles:
        yield from _standing(scoring, customer, profile)
        erased += _gone_since(scoring, customer, profile)
    yield from erased  # together: Redis searches its stream once for many who follow each other


def _standing(scoring: Scoring, customer: str, profile: Profile) -> Iterator[Output]:
    """The state of a customer in every lifecycle, and its last alerts; of a merged id, whose it is.

    An alert that does not stand any more is told, too: Redis may have come back from a time at which it stood.
    """
    if moved_to := _moved_to(profile):
        version = max((standing.version for standing in profile.standings), default=0)
        yield from gone(scoring, customer, version, moved_to)
        for track in scoring.tracks:
            yield erased_alert(customer, track.name, version)
        return
    for index, standing in enumerate(profile.standings[: len(scoring.tracks)]):
        if standing.stage >= 0:
            yield Output(STAGE_CHANGE, customer.encode(), state_of(scoring, index, customer, profile))
            if standing.alerted_at:
                yield _alert(scoring, index, customer, profile)


def _gone_since(scoring: Scoring, customer: str, profile: Profile) -> Iterator[Output]:
    """Erasures of one who has been in a lifecycle and is not any more: Redis may have come back from before that."""
    if _moved_to(profile):
        return
    for track, standing in zip(scoring.tracks, profile.standings, strict=False):
        if standing.stage < 0 < standing.version:
            told = erasure_json(customer, track.name, standing.version)
            yield Output(ERASURE, customer.encode(), told)
            yield erased_alert(customer, track.name, standing.version)


def _moved_to(profile: Profile) -> str:
    return "" if profile.identity is None else profile.identity.moved_to


def _alert(scoring: Scoring, index: int, customer: str, profile: Profile) -> Output:
    """The last alert: as it was raised, or that it is resolved by now; when it was is not kept."""
    standing = profile.standings[index]
    if not standing.alerted:
        return alert_of(scoring, index, customer, profile, (), profile.evaluated_at, "resolved")
    values = scoring.inputs.values(profile, standing.alerted_at)
    seen = scoring.view(values, standing, standing.alerted_at)
    return alert_of(scoring, index, customer, profile, seen, standing.alerted_at)


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

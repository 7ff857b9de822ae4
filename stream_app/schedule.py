"""When does time alone call for scores, and for a question to the models?"""

from xxhash import xxh3_64_intdigest

from state import FAR, MEASURE_IDS, NEVER, Profile
from stream_app.scoring import Scoring

__all__ = ["ask_due_of", "is_drawn", "score_due"]

_EVENTS = MEASURE_IDS["events"]
#: Of those who cannot churn, such as visitors who never bought, one in so many is asked: there are many of them, and what
#: follows their stage is learned as well from some.
_ONE_IN = 4


def score_due(scoring: Scoring, profile: Profile, *, is_event: bool = False) -> int:
    """When scores are next computed: soon after activity, ever more rarely in silence, as they move ever less."""
    scored = profile.scored_at
    if not scored:
        return NEVER
    if is_event:
        return scored + min(scoring.policy.rescore_after, scoring.policy.rescore_every)
    return scored + max(scoring.policy.rescore_every, (scored - profile.last[_EVENTS]) // 4)


def is_drawn(customer: str) -> bool:
    """Whether a customer who cannot churn is asked all the same where they go next, always or never."""
    return xxh3_64_intdigest(f"{customer}?".encode()) % _ONE_IN == 0


def ask_due_of(scoring: Scoring, customer: str, profile: Profile) -> int:
    """The next instant of the customer's own snapshot schedule; none for those who have long been silent."""
    every = scoring.policy.ask_every
    phase = xxh3_64_intdigest(customer.encode()) % every
    upcoming = profile.asked_at - (profile.asked_at - phase) % every + every
    return upcoming if upcoming <= profile.last[_EVENTS] + scoring.silence else FAR

"""The job that every contender does: decode, fold, rules, scores, and what follows from them.

Ours does it through `stream_app.engine`. The others call the same pure functions here, an event (or a few events of
one customer) at a time, so that what is compared is the engines around them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Any

import msgspec
import orjson

from state import (
    DAY,
    HOUR,
    Bounds,
    Event,
    MeasureMap,
    Profile,
    Rejected,
    apply,
    decode_event,
    decode_profile,
    encode_profile,
)
from stream_app.migrating import Schema
from stream_app.outputs import STAGE_CHANGE, Output
from stream_app.scoring import Scoring, scoring_for
from stream_app.settings import Settings, load_settings
from stream_app.step import evaluate, observe, pass_time, state_of, totals
from tests.bench.traffic import Population, history

LIFECYCLE = "six-stage"
TEMPLATES = 200
_DAYS = 180
_SIZES = (400, 150, 60, 25, 12, 6, 3, 2)
"""Events that a history holds, from the most active customers to the rarest."""


@dataclass(frozen=True)
class Job:
    """What a contender needs to know of the configuration.

    Args:
        settings: Settings of the run.
        scoring: Compiled rules, features and models.
        kinds: Which event name counts as what.
        bounds: What is believable.
    """

    settings: Settings
    scoring: Scoring
    kinds: MeasureMap
    bounds: Bounds

    @classmethod
    def of(cls, **flags: Any) -> "Job":
        """The job under the defaults, and *flags* over them; nothing of the caller's environment plays a part."""
        settings = load_settings(environment={}, lifecycles=[LIFECYCLE], **flags)
        events = settings.events
        return cls(
            settings,
            scoring_for(settings),
            MeasureMap.parse(events.measures_file.read_text(), str(events.measures_file)),
            Bounds(events.max_event_bytes, events.earliest, events.max_future, events.max_amount),
        )

    def decode(self, value: bytes | None, arrived: int) -> Event | None:
        """The event of a record that arrived at *arrived* (µs); None for what is refused."""
        try:
            return decode_event(value, None, self.kinds, self.bounds, arrived)
        except Rejected:
            return None

    def step(
        self, customer: str, stored: bytes | None, events: Iterable[Event], now: int
    ) -> tuple[bytes, list[Output]]:
        """Fold events of one customer and evaluate as of *now* (µs): the new profile, and what to publish."""
        profile = Profile() if stored is None else decode_profile(stored)
        outputs = self.advance(customer, profile, events, now)
        return encode_profile(profile), outputs

    def advance(self, customer: str, profile: Profile, events: Iterable[Event], now: int) -> list[Output]:
        """`step` for those who keep profiles as objects; changed in place."""
        before = totals(profile)
        for each in events:
            apply(profile, each, self.scoring.fold)
        at = max(profile.last[0], profile.evaluated_at)
        if not at:
            return []
        moved = before != totals(profile)
        outputs = evaluate(self.scoring, customer, profile, at, moved=moved, is_event=True)
        outputs += pass_time(self.scoring, customer, profile, now)
        profile.revision += 1
        return outputs


class Histories:
    """Profiles with a past, which customers have when a run begins.

    Args:
        job: The job.
        until: Instant (µs) at which the past ends.

    Each is the past of one imagined customer over half a year, folded and scored as ever. Only those are taken
    whose stage will not change by time alone within a day, so that it does not matter for the result when in the
    run a contender looks at a customer.
    """

    def __init__(self, job: Job, until: int) -> None:
        self.job = job
        self._until = until
        self.profiles = [self._profile(index) for index in range(TEMPLATES)]
        self.encoded = [encode_profile(profile) for profile in self.profiles]
        self.states = [state_of(job.scoring, 0, "", profile, reason="entered") for profile in self.profiles]

    def of(self, population: Population, rank: int) -> bytes:
        """The stored profile of a customer."""
        return self.encoded[population.template_of(rank, TEMPLATES)]

    def profile_of(self, population: Population, rank: int) -> Profile:
        """The same, decoded; not to be changed."""
        return self.profiles[population.template_of(rank, TEMPLATES)]

    def state_of(self, population: Population, rank: int) -> bytes:
        """The stage change that tells where a customer stands at the beginning."""
        template = self.states[population.template_of(rank, TEMPLATES)]
        return template.replace(b'"customer_id":""', b'"customer_id":"%s"' % population.ids[rank].encode(), 1)

    def _profile(self, index: int) -> Profile:
        random = Random(f"history {index}")
        for _ in range(1000):
            profile = self._draw(random, index)
            if self._is_calm(profile):
                return profile
        raise RuntimeError(
            f"no history {index} whose stage stays for a day; the lifecycle changes too often by itself"
        )

    def _draw(self, random: Random, index: int) -> Profile:
        scoring, name = self.job.scoring, f"history-{index}"
        start = self._until - _DAYS * DAY
        count = _SIZES[index * len(_SIZES) // TEMPLATES]
        profile = Profile()
        for value in history(random, name, count, start, self._until):
            found = self.job.decode(value, self._until)
            assert found is not None
            observe(scoring, name, profile, found)
        pass_time(scoring, name, profile, self._until)
        profile.written_under = Schema(scoring, None).identity
        return profile

    def _is_calm(self, profile: Profile) -> bool:
        later = decode_profile(encode_profile(profile))
        pass_time(self.job.scoring, "later", later, self._until + DAY)
        return later.standings[0].stage == profile.standings[0].stage


@cache
def histories(until: int) -> Histories:
    """The histories that end some hours before *until* (µs): models are due to look again at who comes now."""
    return Histories(Job.of(), until - 3 * HOUR)


class Outcome(msgspec.Struct, array_like=True, order=True):
    """What Redis must say of a customer in the end, whoever did the job."""

    stage: str
    orders: int
    revenue: float
    refunds: int


def outcome_of(job: Job, profile: Profile) -> Outcome:
    """The outcome that a profile stands for."""
    state = orjson.loads(state_of(job.scoring, 0, "", profile))
    return Outcome(state["stage"], state["orders"], state["revenue"], state["refunds"])


def changes_of(outputs: Sequence[Output]) -> list[bytes]:
    """The stage changes among what is to be published; the last one of several, for only that counts with the wall clock."""
    changes = [output.payload for output in outputs if output.kind == STAGE_CHANGE]
    return changes[-1:]

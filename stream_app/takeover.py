"""What a partition that was somebody else's, or our own in an earlier life, needs before it can go on."""

from collections import Counter
from collections.abc import Generator, Iterator, Mapping
from typing import NamedTuple, TypeVar

from state import Profile, Timers, decode_profile
from stream_app.migrating import Schema
from stream_app.outputs import Output
from stream_app.profile_store import OWN, Store

__all__ = ["TakenOver", "outdated", "take_over", "whole"]

_T = TypeVar("_T")

#: Profiles of one slice of a migration: those of all customers at once would not fit into memory.
_SLICE = 500


class TakenOver(NamedTuple):
    """What a start has found.

    Attributes:
        timers: Who is due when.
        population: Customers by (lifecycle index, stage index); without those who are to be migrated.
        used: Identities of the descriptions under which profiles are stored.
        undelivered: Outputs to publish again, byte for byte.
    """

    timers: Timers
    population: Counter[tuple[int, int]]
    used: set[int]
    undelivered: list[Output]


def take_over(store: Store, schema: Schema, committed: Mapping[int, int]) -> Generator[None, None, TakenOver]:
    """Find out, in slices, who is due, who is counted where, and what is owed.

    Raises:
        Misconfigured: If the configured lifecycles cannot take the stored state over.
    """
    survey = yield from store.survey(committed)
    population: Counter[tuple[int, int]] = Counter()
    used: set[int] = set()
    for group, number in survey.groups():
        used.add(group.written_under)
        if schema.migration(group.written_under) is None:
            for index, stage in enumerate(group.stages):
                if stage >= 0:
                    population[index, stage] += number
    undelivered = [
        Output(kind, key, payload)
        for key, value in survey.owing
        for source, offset, kind, payload in decode_profile(value).outbox
        if offset >= committed.get(source, 0)
    ]
    return TakenOver(survey.timers, population, used, undelivered)


def outdated(store: Store, schema: Schema, used: set[int]) -> Iterator[dict[str, Profile]]:
    """Profiles that were stored under other lifecycle files, with their standings in those of now, some at a time."""
    if all(schema.migration(identity) is None for identity in used):
        return
    found: dict[str, Profile] = {}
    for key, value in store.items():
        if key.startswith(OWN):
            continue
        profile = decode_profile(value)
        migrate = schema.migration(profile.written_under)
        if migrate is None:
            continue
        profile.standings = migrate(profile.standings)
        profile.pending = []
        kept = profile.identity.kept if profile.identity is not None else None
        if kept is not None:
            kept.standings, kept.pending = migrate(kept.standings), []
        found[key.decode()] = profile
        if len(found) >= _SLICE:
            yield found
            found = {}
    yield found


def whole(steps: Generator[None, None, _T]) -> _T:
    """The result of work in slices, done in one go."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: _T = end.value
            return result

"""Can the stored profiles of a partition be taken over by the lifecycles that are configured now, and how?"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import orjson

from scorers.lifecycle import Lifecycle
from scorers.migration import Migration, compatible, summary
from state import Standing
from stream_app.errors import Misconfigured
from stream_app.scoring import Scoring

__all__ = ["description", "migration_from"]

#: For each configured lifecycle: where it stood among the stored ones, and how its stages read now; None if it is new.
Steps = list[tuple[int, Migration] | None]


def description(scoring: Scoring) -> bytes:
    """What profiles are written under: lifecycles and the windows kept. Stored beside them."""
    described = {
        "lifecycles": [summary(track.lifecycle) for track in scoring.tracks],
        "windows": scoring.fold.windows(),
    }
    return orjson.dumps(described)


def migration_from(
    value: bytes | None, scoring: Scoring
) -> Callable[[list[Standing]], list[Standing]] | None:
    """How stored standings become those of the configured lifecycles.

    Args:
        value: The `description` under which the profiles were written, ``None`` for a new partition.
        scoring: The configuration of now.

    Returns:
        ``None`` if nothing has changed.

    Raises:
        Misconfigured: If the profiles cannot be taken over, with what to do.
    """
    if value is None:
        return None
    stored = orjson.loads(value)
    missing = scoring.fold.missing(stored["windows"])
    if missing:
        raise Misconfigured(
            f"the stored profiles lack the history for {', '.join(missing)}, which a lifecycle now asks for; "
            "replay the sources into a new prefix, or keep to windows that were kept before"
        )
    steps = _steps(stored["lifecycles"], [track.lifecycle for track in scoring.tracks])
    is_same = len(steps) == len(stored["lifecycles"]) and all(
        step is not None and step[0] == index and step[1].is_same for index, step in enumerate(steps)
    )
    return None if is_same else partial(_migrated, steps)


def _steps(stored: list[Mapping[str, Any]], lifecycles: list[Lifecycle]) -> Steps:
    places = {described["name"]: index for index, described in enumerate(stored)}
    steps: Steps = []
    for lifecycle in lifecycles:
        place = places.get(lifecycle.name)
        try:
            steps.append(None if place is None else (place, compatible(stored[place], lifecycle)))
        except ValueError as error:
            raise Misconfigured(str(error)) from error
    return steps


def _migrated(steps: Steps, standings: list[Standing]) -> list[Standing]:
    """Standings in the order and with the stage numbers of the configured lifecycles; versions only grow."""
    version = max((each.version for each in standings), default=0)
    result = []
    for step in steps:
        if step is None or step[0] >= len(standings):
            result.append(Standing(version=version))
            continue
        standing, migration = standings[step[0]], step[1]
        standing.stage = migration.stage(standing.stage)
        standing.previous = migration.stage(standing.previous)
        standing.next_stage = migration.stage(standing.next_stage)
        result.append(standing)
    result[0].version = max(result[0].version, version)  # the lifecycle that had it may be gone
    return result

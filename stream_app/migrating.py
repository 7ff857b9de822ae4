"""Can the stored profiles of a partition be taken over by the lifecycles that are configured now, and how?"""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any
from zlib import crc32

import orjson

from scorers.lifecycle import Lifecycle
from scorers.migration import Migration, compatible, summary
from state import Standing
from stream_app.errors import Misconfigured
from stream_app.scoring import Scoring

__all__ = ["Schema"]

#: For each configured lifecycle: where it stood among the stored ones, and how its stages read now; None if it is new.
Steps = list[tuple[int, Migration] | None]


Migrate = Callable[[list[Standing]], list[Standing]]


class Schema:
    """What stored profiles are written under: the lifecycles that number their stages, and the windows kept.

    Every profile carries the identity of its description (`Profile.written_under`), and the partition keeps the
    descriptions that are in use. So a migration can be cut off anywhere and goes on where it was.

    Args:
        scoring: The configuration of now.
        stored: What `stored` gave when the partition was last taken over, ``None`` for a new partition.
    """

    def __init__(self, scoring: Scoring, stored: bytes | None) -> None:
        self._scoring = scoring
        self._described = {
            "lifecycles": [summary(track.lifecycle) for track in scoring.tracks],
            "windows": scoring.fold.windows(),
        }
        self.identity = crc32(orjson.dumps(self._described)) or 1
        self._known: dict[int, Any] = {}
        if stored is not None:
            self._known = {int(identity): known for identity, known in orjson.loads(stored).items()}
        self._migrations: dict[int, Migrate | None] = {self.identity: None}

    def stored(self, used: Iterable[int] = ()) -> bytes:
        """The descriptions to keep beside the profiles: today's, and those in *used*."""
        known = {identity: self._known[identity] for identity in used if identity in self._known}
        known[self.identity] = self._described
        return orjson.dumps({str(identity): described for identity, described in known.items()})

    def migration(self, identity: int) -> Migrate | None:
        """How standings written under the description *identity* become those of now; ``None`` if they are.

        Raises:
            Misconfigured: If the profiles cannot be taken over, with what to do.
        """
        if identity not in self._migrations:
            self._migrations[identity] = self._from(self._known.get(identity))
        return self._migrations[identity]

    def _from(self, described: Any) -> Migrate | None:
        if described is None:
            raise Misconfigured(
                "the stored profiles name a description of lifecycles that is not stored beside them; "
                "replay the sources into a new prefix"
            )
        missing = self._scoring.fold.missing(described["windows"])
        if missing:
            raise Misconfigured(
                f"the stored profiles lack the history for {', '.join(missing)}, which a lifecycle now asks for; "
                "replay the sources into a new prefix, or keep to windows that were kept before"
            )
        steps = _steps(described["lifecycles"], [track.lifecycle for track in self._scoring.tracks])
        is_same = len(steps) == len(described["lifecycles"]) and all(
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

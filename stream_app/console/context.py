"""What every view may look into."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scorers.lifecycle import Lifecycle
from stream_app.console.following import Progress
from stream_app.console.store import Store
from stream_app.console.vitals import Vitals
from stream_app.redis_connection import AsyncRedis
from stream_app.settings import Settings

__all__ = ["Context"]


@dataclass(frozen=True)
class Context:
    """One console.

    Args:
        settings: Everything configured.
        lifecycles: By name, in the configured order.
        store: History.
        progress: How far history has been read.
        vitals: How the service is.
        redis: Client.
    """

    settings: Settings
    lifecycles: Mapping[str, Lifecycle]
    store: Store
    progress: Progress
    vitals: Vitals
    redis: AsyncRedis

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the lifecycles."""
        return tuple(self.lifecycles)

    def stages(self, lifecycle: str) -> tuple[str, ...]:
        """Names of the stages of a lifecycle, in its order."""
        return tuple(stage.name for stage in self.lifecycles[lifecycle].stages)

    def actions(self, lifecycle: str, stage: str) -> tuple[str, ...]:
        """What the lifecycle recommends in a stage."""
        found = (one.actions for one in self.lifecycles[lifecycle].stages if one.name == stage)
        return tuple(next(found, ()))

    def fact(self, name: str) -> Any:
        """A fact of the store, or None."""
        found = self.store.rows("SELECT value FROM fact WHERE name = ?", name)
        return found[0][0] if found else None

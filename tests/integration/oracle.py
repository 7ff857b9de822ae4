"""What must come out: a single-process fold of the very records that lie in the topics."""

from typing import NamedTuple

import msgspec
import orjson

from state import Bounds, MeasureMap
from stream_app.bundled import bundled
from stream_app.effects import Effects
from stream_app.engine import PartitionEngine
from stream_app.outputs import STAGE_CHANGE
from stream_app.scoring import scoring_for
from stream_app.step import state_of
from stream_app.topics import SOURCES
from stream_app.worker.intake import Intake
from stream_app.worker.stores import MemoryStore
from tests.integration.workers import Found, Tenant

Change = dict[str, object]


class Expected(NamedTuple):
    """The truth about a tenant whose events were replayed in event-time order.

    Attributes:
        customers: Present state by customer id, as its stage change would tell it.
        changes: Every published change by (customer id, version).
        dead_letters: Records refused.
    """

    customers: dict[str, Change]
    changes: dict[tuple[str, int], Change]
    dead_letters: int


class _Record(msgspec.Struct):
    key: bytes | None
    value: bytes | None
    headers: tuple[()]
    timestamp: int
    offset: int


def fold(tenant: Tenant, received_at_ms: int) -> Expected:
    """Fold the source topics of a tenant, one partition after the other, in event-time order."""
    settings = tenant.settings
    kinds = MeasureMap.parse(bundled("measures.toml").read_text("utf-8"))
    scoring = scoring_for(settings)
    topics: list[list[tuple[int, Found]]] = [[] for _ in range(tenant.partitions)]
    for source, name in enumerate(SOURCES):
        for found in tenant.records(tenant.topic(name)):
            topics[found.place.partition].append((source, found))
    engines, newest, dead = [], 0, 0
    changes: dict[tuple[str, int], Change] = {}
    for partition, records in enumerate(topics):
        store = MemoryStore()
        engine = PartitionEngine(scoring, store, "event")
        intake = Intake(kinds, Bounds(), partition, tenant.partitions, store)
        arrived = [
            each
            for source, found in records
            for each in intake.read(
                source, [_Record(found.key, found.value, (), received_at_ms, found.place.offset)]
            )
        ]
        arrived.sort(key=lambda each: (each.at, each.source, each.offset))
        effects = engine.fold(arrived)
        dead += len(effects.dead_letters)
        _note(effects, changes)
        newest = max([newest, *(each.at for each in arrived)])
        engines.append(engine)
    customers = {}
    for engine in engines:
        _note(engine.advance(newest), changes)
        for customer, profile in engine.profiles():
            customers[customer] = orjson.loads(state_of(scoring, 0, customer, profile))
    return Expected(customers, changes, dead)


def published(tenant: Tenant) -> dict[tuple[str, int], Change]:
    """The stage-change topic less its duplicates; duplicates must say the same."""
    changes: dict[tuple[str, int], Change] = {}
    for found in tenant.records(tenant.topic("stage-changes")):
        change = orjson.loads(found.value or b"")
        identity = change["customer_id"], change["version"]
        assert changes.setdefault(identity, change) == change, "one version said two different things"
    return changes


def _note(effects: Effects, changes: dict[tuple[str, int], Change]) -> None:
    for output in effects.outputs:
        if output.kind == STAGE_CHANGE:
            change = orjson.loads(output.payload)
            changes[change["customer_id"], change["version"]] = change

"""What must come out: one process folds the very records that lie in the topics, as the ticks say."""

import asyncio
from typing import NamedTuple

import msgspec
import orjson

from state import Bounds, MeasureMap, Profile
from stream_app.alignment import Alignment, Punctuation
from stream_app.bundled import bundled
from stream_app.engine import Effects, PartitionEngine
from stream_app.outputs import ALERT, EXAMPLE, STAGE_CHANGE
from stream_app.scoring import Scoring, scoring_for
from stream_app.step import state_of
from stream_app.topics import SOURCES
from stream_app.worker.intake import Intake, read_tick
from stream_app.worker.stores import MemoryStore
from tests.bench.faults.reading import reading
from tests.integration.workers import Tenant

Change = dict[str, object]
Place = tuple[str, int, int]


class Truth(NamedTuple):
    """What a tenant must hold when everything sent has been worked on.

    Attributes:
        profiles: Table: profile by customer id, less the bookkeeping of writes.
        states: Present state by customer id, as its stage change would tell it.
        changes: Every published change by (customer id, version), byte for byte.
        alerts: Payloads.
        examples: Training examples, by id.
        dead: Reason by place of the records refused.
    """

    profiles: dict[str, Profile]
    states: dict[str, Change]
    changes: dict[tuple[str, int], bytes]
    alerts: set[bytes]
    examples: dict[str, bytes]
    dead: dict[Place, str]


class _Record(msgspec.Struct):
    value: bytes | None
    key: bytes | None
    headers: tuple[()]
    timestamp: int
    offset: int


def truth(tenant: Tenant, received_at_ms: int) -> Truth:
    """Fold the source topics of a tenant, one partition after the other.

    Args:
        tenant: Whose topics.
        received_at_ms: What counts as "now" for events from the future.
    """
    return asyncio.run(_truth(tenant, received_at_ms))


async def _truth(tenant: Tenant, received_at_ms: int) -> Truth:
    scoring = scoring_for(tenant.settings)
    kinds = MeasureMap.parse(bundled("measures.toml").read_text("utf-8"))
    sources, ticks = [tenant.topic(name) for name in SOURCES], tenant.topic("ticks")
    result = Truth({}, {}, {}, set(), {}, {})
    for partition in range(tenant.partitions):
        store = MemoryStore()
        engine = PartitionEngine(scoring, store, "event")
        engine.delivered(0, 1)  # all outputs are taken at once, so that no profile carries them along
        intake = Intake(kinds, Bounds(), partition, tenant.partitions, store)
        alignment = Alignment(len(SOURCES), hold=1.0, patience=30.0)
        reached = [0] * len(SOURCES)
        async with reading(tenant, [*sources, ticks], partition) as log:
            async for run in log.runs(ticks):
                for found in run:
                    tick = read_tick(found.value, tenant.settings.topic_prefix)
                    if not isinstance(tick, Punctuation):
                        continue
                    for source, end in tick.offsets.items():
                        fresh = await log.take(sources[source], end - reached[source])
                        records = [
                            _Record(each.value, each.key, (), received_at_ms, each.offset) for each in fresh
                        ]
                        alignment.add(intake.read(source, records), 0.0)
                        reached[source] = max(end, reached[source])
                    alignment.punctuate(tick)
                    _note(tenant, partition, engine.fold(alignment.release(0.0)), result)
                    _note(tenant, partition, engine.advance(tick.at), result)
                    alignment.passed()
            assert reached == [log.end(topic) for topic in sources], "no tick covers the end"
        _look(scoring, engine, result)
    return result


def bare(profile: Profile) -> Profile:
    """A profile without what depends on how often it was written."""
    profile.revision = 0
    profile.outbox = []
    return profile


def _look(scoring: Scoring, engine: PartitionEngine, result: Truth) -> None:
    for customer, profile in engine.profiles():
        result.states[customer] = orjson.loads(state_of(scoring, 0, customer, profile))
        result.profiles[customer] = bare(profile)


def _note(tenant: Tenant, partition: int, effects: Effects, result: Truth) -> None:
    for letter in effects.dead_letters:
        place = tenant.topic(SOURCES[letter.source]), partition, letter.offset
        result.dead[place] = letter.refused.reason
    for output in effects.outputs:
        if output.kind == STAGE_CHANGE:
            change = orjson.loads(output.payload)
            result.changes[change["customer_id"], change["version"]] = output.payload
        elif output.kind == ALERT:
            result.alerts.add(output.payload)
        elif output.kind == EXAMPLE:
            result.examples[orjson.loads(output.payload)["id"]] = output.payload


def latest(changes: dict[tuple[str, int], bytes]) -> dict[str, Change]:
    """The newest change of every customer."""
    newest: dict[str, int] = {}
    for customer, version in changes:
        newest[customer] = max(version, newest.get(customer, version))
    return {customer: orjson.loads(changes[customer, version]) for customer, version in newest.items()}


def stages(states: dict[str, Change]) -> dict[str, int]:
    """Customers per stage."""
    found = [str(state["stage"]) for state in states.values()]
    return {stage: found.count(stage) for stage in set(found)}

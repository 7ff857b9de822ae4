"""The limit: decode and fold in a loop over records in memory; no Kafka, no Redis, no event loop."""

from collections.abc import Iterator
from time import perf_counter, process_time

import orjson

from state import decode_profile
from stream_app.alignment import Arrived
from stream_app.engine import PartitionEngine
from stream_app.garbage import WITH_A_BACKLOG, freeze, look_rarely
from stream_app.worker.stores import MemoryStore
from tests.bench.contenders.spec import Spec, job, now
from tests.bench.job import histories, outcome_of
from tests.bench.traffic import live, partition_of


def runs(spec: Spec, longest: int) -> Iterator[tuple[int, list[tuple[int, int, bytes]]]]:
    """The events as they lie in the partitions: runs of (source, offset, value), the partitions in turn.

    Args:
        spec: The run.
        longest: Events of one run.
    """
    population = spec.population
    partition = [partition_of(customer, spec.partitions) for customer in population.ids]
    open_runs: list[list[tuple[int, int, bytes]]] = [[] for _ in range(spec.partitions)]
    offsets = [[0] * 8 for _ in range(spec.partitions)]
    for sent in live(population, spec.events, spec.until):
        number = partition[sent.rank]
        open_runs[number].append((sent.source, offsets[number][sent.source], sent.value))
        offsets[number][sent.source] += 1
        if len(open_runs[number]) == longest:
            yield number, open_runs[number]
            open_runs[number] = []
    yield from ((number, run) for number, run in enumerate(open_runs) if run)


def main() -> None:
    """Measure, then write what the outcome of these events is: the others are held to it."""
    spec, work = Spec.read(), job()
    population, past = spec.population, histories(spec.until)
    stores = [MemoryStore() for _ in range(spec.partitions)]
    for rank, customer in enumerate(population.ids):
        stores[partition_of(customer, spec.partitions)].put(customer.encode(), past.of(population, rank))
    engines = [PartitionEngine(work.scoring, store, "wall") for store in stores]
    for engine in engines:
        engine.recover({})
    batches = list(runs(spec, work.settings.worker.batch_records))  # as long as a worker's
    look_rarely(WITH_A_BACKLOG)
    freeze()
    arrived = now()
    wall, cpu = perf_counter(), process_time()
    events = changed = published = 0
    touched: set[bytes] = set()
    for number, batch in batches:
        engine = engines[number]
        records = []
        for source, offset, value in batch:
            event = work.decode(value, arrived)
            assert event is not None
            records.append(Arrived(event.at, source, offset, event))
        last = records[-1]
        effects = engine.fold(records, now=now(), stamp=(last.source, last.offset))
        engine.delivered(last.source, last.offset + 1)
        events += len(batch)
        changed += len(effects.changed)
        published += len(effects.outputs)
        touched.update(effects.changed)
    wall, cpu = perf_counter() - wall, process_time() - cpu
    outcomes = {}
    for store in stores:
        for key, value in store.items():
            if key in touched:
                outcomes[key.decode()] = outcome_of(work, decode_profile(value))
    result = {
        "events_per_second": round(events / wall, 1),
        "cpu_us_per_event": round(cpu / events * 1e6, 3),
        "steady_events": events,
        "profiles_written_per_event": round(changed / spec.events, 4),
        "outputs_per_event": round(published / spec.events, 4),
        "outcomes": {customer: list(_fields(outcome)) for customer, outcome in outcomes.items()},
    }
    spec.result.write_bytes(orjson.dumps(result))


def _fields(outcome: object) -> tuple[object, ...]:
    return tuple(getattr(outcome, name) for name in outcome.__struct_fields__)  # type: ignore[attr-defined]


if __name__ == "__main__":
    main()

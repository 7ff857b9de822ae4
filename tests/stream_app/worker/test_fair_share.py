"""A till, or an id that many share: with the event clock each of its orders is told of, and owed until it is delivered."""

from state import SECOND
from stream_app.engine import PartitionEngine
from stream_app.topics import LARGEST_RECORD
from stream_app.worker.fair_share import MOST, fitting
from stream_app.worker.stores import MemoryStore
from tests.state.builders import START, build_event
from tests.stream_app.partitions import RETAIL, VISITS, arrived, scoring

UNDELIVERED = 5
BATCH = 10_000


def test_what_the_undelivered_runs_owe_to_one_customer_fits_into_a_record() -> None:
    lifecycles = scoring(RETAIL, VISITS)
    log = arrived(
        build_event(at=START + number * SECOND, customer="till", message=number) for number in range(BATCH)
    )
    store = MemoryStore()
    engine, folded = PartitionEngine(lifecycles, store, "event"), 0
    for _ in range(UNDELIVERED):
        count = fitting(log[folded:], len(lifecycles.tracks))
        assert count == MOST // 2
        last = log[folded + count - 1]
        engine.fold(log[folded : folded + count], stamp=(last.source, last.offset))
        folded += count
    owed = len(store.get(b"till") or b"")
    assert owed < LARGEST_RECORD // 2
    assert owed / folded * BATCH * UNDELIVERED > LARGEST_RECORD, "whole runs would not fit"

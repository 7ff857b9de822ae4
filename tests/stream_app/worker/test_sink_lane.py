"""How many stage changes wait for Redis, whichever way they come or do not come."""

from pathlib import Path

import pytest

from stream_app.settings import load_settings
from stream_app.worker.publisher import Record
from stream_app.worker.run import build_worker
from stream_app.worker.sink_lane import SinkLane


@pytest.fixture
def lane(tmp_path: Path) -> SinkLane:
    app, context = build_worker(load_settings(environment={"LIFECYCLE_DATA_DIR": str(tmp_path)}))
    return SinkLane(context, app.gate._sink, partition=0, generation=1, begin=0)


def records(count: int) -> list[Record]:
    return [Record(b"ann", b"{}")] * count


def test_what_was_published_waits_until_it_is_pushed(lane: SinkLane) -> None:
    assert lane.waiting(None) == 0
    lane.offer_published(0, records(3), 1.0)
    lane.offer_published(3, records(4), 2.0)
    assert lane.waiting(None) == 7
    assert lane.waiting(5) == 7, "the last fetch knows less"


def test_what_found_no_room_waits_in_kafka_and_is_counted(lane: SinkLane) -> None:
    lane.offer_published(0, records(4000), 1.0)
    lane.offer_published(4000, records(500), 1.0)
    lane.offer_published(4500, records(500), 1.0)
    assert (lane.waiting(None), lane.is_told) == (5000, False)


def test_what_another_process_has_written_is_counted_when_a_fetch_tells(lane: SinkLane) -> None:
    lane.offer_published(0, records(3), 1.0)
    assert lane.waiting(10) == 10
    lane.offer_published(10, records(2), 1.0)
    assert lane.waiting(10) == 12


def test_of_a_topic_that_was_never_read_nothing_is_claimed(lane: SinkLane) -> None:
    """Its records may have been deleted long ago."""
    assert lane.waiting(1_000_000) == 0

"""Records that come two ways: each once, in the order of the offsets, whatever is told late, twice or not at all."""

from hypothesis import given
from hypothesis import strategies as st

from stream_app.redis_sink import SinkRecord
from stream_app.worker.inflow import Inflow
from stream_app.worker.publisher import Record


def _value(offset: int) -> bytes:
    return b"%d" % offset


def _told(first: int, end: int) -> list[Record]:
    return [Record(b"ann", _value(offset), [("n", _value(offset))]) for offset in range(first, end)]


def _read(first: int, end: int) -> list[SinkRecord]:
    return [SinkRecord(offset, b"ann", _value(offset), {"n": _value(offset)}) for offset in range(first, end)]


@given(
    begin=st.integers(0, 5),
    lengths=st.lists(st.integers(1, 4), min_size=1, max_size=12),
    data=st.data(),
)
def test_every_record_comes_once_and_in_order_whichever_way(
    begin: int, lengths: list[int], data: st.DataObject
) -> None:
    inflow = Inflow(begin)
    at, taken, position = begin, [], begin
    for length in lengths:
        first, at = at, at + length
        fate = data.draw(st.sampled_from(["told", "untold", "unplaced"]))
        if fate == "told":
            inflow.tell(first, _told(first, at))
            assert inflow.is_told == (inflow.next == at)
        elif fate == "unplaced":
            inflow.tell(-1, _told(first, at))
        if data.draw(st.booleans()) and position < at:
            end = data.draw(st.integers(position + 1, at))
            inflow.read(_read(position, end))
            position = end
        if data.draw(st.booleans()):
            taken += inflow.pop(data.draw(st.integers(1, 5)))
    if inflow.next < at:
        inflow.read(_read(inflow.next, at))
    taken += inflow.pop(1000)
    assert taken == _read(begin, at)


def test_told_records_wait_in_kafka_while_too_many_wait_here() -> None:
    inflow = Inflow(0)
    inflow.tell(0, _told(0, 4000))
    assert inflow.is_told
    inflow.tell(4000, _told(4000, 4010))
    assert not inflow.is_told
    assert (len(inflow), inflow.next) == (4000, 4000)


def test_what_is_told_far_ahead_of_the_reading_is_read_later() -> None:
    inflow = Inflow(0)
    for first in range(10, 5010, 10):
        inflow.tell(first, _told(first, first + 10))
    inflow.read(_read(0, 10))
    assert inflow.next == 10  # what was told first had to give way
    inflow.read(_read(10, 4500))
    assert (inflow.next, len(inflow)) == (5010, 5010)


def test_a_record_of_somebody_else_between_two_told_runs_is_read() -> None:
    inflow = Inflow(0)
    inflow.tell(0, _told(0, 3))
    inflow.tell(4, _told(4, 6))
    assert (inflow.next, inflow.is_told) == (3, False)
    inflow.read(_read(3, 4))
    assert inflow.pop(100) == _read(0, 6)

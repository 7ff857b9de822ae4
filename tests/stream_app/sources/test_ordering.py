from hypothesis import given
from hypothesis import strategies as st

from stream_app.sources import Record
from stream_app.sources.ordering import in_event_time


@given(st.lists(st.integers(0, 5)), st.integers(1, 4))
def test_the_order_does_not_depend_on_how_much_fits_in_memory(times: list[int], run: int) -> None:
    records = [Record(at, "email", "c", str(number).encode()) for number, at in enumerate(times)]

    assert list(in_event_time(records, run)) == sorted(records, key=lambda record: record.at)

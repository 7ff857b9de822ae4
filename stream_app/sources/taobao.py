"""Reader of Taobao's UserBehavior file: views, carts, favourites and purchases of nine days (Tianchi)."""

from collections.abc import Iterator

from stream_app.sources.record import Reading, Record
from stream_app.sources.tabular import comma_rows, records_of
from stream_app.sources.times import parse_time
from stream_app.sources.wire import track

FIRST = parse_time("2017-11-25T00:00:00+08:00")
END = parse_time("2017-12-04T00:00:00+08:00")
"""The set covers 2017-11-25 to 2017-12-03 in China's time; the few rows outside are dropped, counted."""

_EVENTS = {
    "pv": "Product Viewed",
    "cart": "Product Added",
    "fav": "Product Added to Wishlist",
    "buy": "Order Completed",
}


def read(lines: Iterator[str], reading: Reading) -> Iterator[Record]:
    """Yield an event for each row; the file has neither a header nor prices."""
    topics = {event: reading.topic_of("track", event) for event in _EVENTS.values()}

    def read_row(number: int, row: list[str]) -> Record | None:
        customer, item, category, behavior, seconds = row
        event = _EVENTS[behavior]
        at = int(seconds) * 1_000_000
        if not FIRST <= at < END:
            reading.dropped["outside 2017-11-25 to 2017-12-03"] += 1
            return None
        properties = {"product_id": item, "category": category}
        return Record(at, topics[event], customer, track(f"taobao-{number}", customer, at, event, properties))

    return records_of(comma_rows(lines), reading, read_row, "user_id,item_id,category_id,behavior,seconds")

"""Reader of the REES46 files: views, carts and purchases of an online shop, one row for each product.

A purchase row is one product that was bought, with its price; an order of three products is three `Order
Completed` events.
"""

from collections.abc import Iterator
from typing import Any

from stream_app.sources.record import Reading, Record
from stream_app.sources.tabular import comma_rows, header_positions, records_of
from stream_app.sources.times import parse_time
from stream_app.sources.wire import track

COLUMNS = ("event_time", "event_type", "product_id", "price", "user_id")
_EVENTS = {
    "view": "Product Viewed",
    "cart": "Product Added",
    "remove_from_cart": "Product Removed",
    "purchase": "Order Completed",
}
_TEXTS = (("category_code", "category"), ("brand", "brand"), ("user_session", "session_id"))


def read(lines: Iterator[str], reading: Reading) -> Iterator[Record]:
    """Yield `Product Viewed`, `Product Added`, `Product Removed` or `Order Completed` for each row."""
    rows = comma_rows(lines)
    where = header_positions(rows, reading, COLUMNS)
    columns = [where[name] for name in COLUMNS]
    texts = [(where[column], name) for column, name in _TEXTS if column in where]
    topics = {event: reading.topic_of("track", event) for event in _EVENTS.values()}

    def read_row(number: int, row: list[str]) -> Record:
        moment, kind, product, price, customer = (row[index] for index in columns)
        event = _EVENTS[kind]
        at = parse_time(moment)
        message_id = f"rees46-{number}"
        properties: dict[str, Any] = {"product_id": product, "price": float(price or 0)}
        if kind == "purchase":
            properties |= {"order_id": message_id, "revenue": properties["price"]}
        properties |= {name: row[index] for index, name in texts if index < len(row) and row[index]}
        return Record(at, topics[event], customer, track(message_id, customer, at, event, properties))

    return records_of(rows, reading, read_row, ",".join(COLUMNS))

"""Reader of the Retailrocket events file: views, additions to the cart and transactions of an online shop.

Written from the published description of the file (`timestamp,visitorid,event,itemid,transactionid`, times in
epoch milliseconds). The set has no prices, so orders carry no amount; a transaction row is one product that
was bought.
"""

from collections.abc import Iterator

from stream_app.sources.record import Reading, Record
from stream_app.sources.tabular import comma_rows, header_positions, records_of
from stream_app.sources.wire import track

COLUMNS = ("timestamp", "visitorid", "event", "itemid", "transactionid")
_EVENTS = {"view": "Product Viewed", "addtocart": "Product Added", "transaction": "Order Completed"}


def read(lines: Iterator[str], reading: Reading) -> Iterator[Record]:
    """Yield `Product Viewed`, `Product Added` or `Order Completed` for each row."""
    rows = comma_rows(lines)
    where = header_positions(rows, reading, COLUMNS)
    columns = [where[name] for name in COLUMNS]
    topics = {event: reading.topic_of("track", event) for event in _EVENTS.values()}

    def read_row(number: int, row: list[str]) -> Record:
        moment, customer, kind, item, transaction = (row[index] for index in columns)
        event = _EVENTS[kind]
        at = int(moment) * 1_000
        properties = {"product_id": item}
        if transaction:
            properties["order_id"] = transaction
        value = track(f"retailrocket-{number}", customer, at, event, properties)
        return Record(at, topics[event], customer, value)

    return records_of(rows, reading, read_row, ",".join(COLUMNS))

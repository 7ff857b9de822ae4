"""Reader of CDNOW: every purchase of 23,570 customers who first bought in early 1997 (Fader and Hardie).

The set knows dates only, so a purchase happens at midnight UTC; several purchases of a customer on one day
stay several events.
"""

from collections.abc import Iterator

from stream_app.sources.record import Reading, Record
from stream_app.sources.tabular import records_of
from stream_app.sources.times import parse_time
from stream_app.sources.wire import track

EVENT = "Order Completed"


def read(lines: Iterator[str], reading: Reading) -> Iterator[Record]:
    """Yield `Order Completed` for each line `customer_id yyyymmdd n_cds dollars` after the header line."""
    topic = reading.topic_of("track", EVENT)

    def read_row(number: int, row: list[str]) -> Record:
        customer, day, quantity, dollars = row
        at = parse_time(day)
        message_id = f"cdnow-{number}"
        properties = {
            "order_id": message_id,
            "revenue": float(dollars),
            "currency": "USD",
            "quantity": int(quantity),
        }
        return Record(at, topic, customer, track(message_id, customer, at, EVENT, properties))

    next(lines, None)
    rows = (line.split() for line in lines)
    return records_of(rows, reading, read_row, "customer_id yyyymmdd n_cds dollars")

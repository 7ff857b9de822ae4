"""Reader of the derived Online Retail II file: two years of orders and returns of a British wholesaler.

Chen, D. (2019), Online Retail II, UCI Machine Learning Repository, CC BY 4.0. `config/data/README.md` tells
what was derived.
"""

from collections.abc import Iterator

from stream_app.sources.record import Reading, Record
from stream_app.sources.tabular import comma_rows, header_positions, records_of
from stream_app.sources.times import parse_time
from stream_app.sources.wire import track

COLUMNS = ("customer_id", "ts", "kind", "n_lines", "quantity", "amount", "country")
ORDER = "Order Completed"
RETURN = "Order Refunded"
_EVENTS = {"purchase": ORDER, "return": RETURN}


def read(lines: Iterator[str], reading: Reading) -> Iterator[Record]:
    """Yield `Order Completed` for a purchase and `Order Refunded` for a return.

    The file has negative amounts for returns; the event carries what was paid back as a positive `total`, as
    the spec has it.
    """
    rows = comma_rows(lines)
    where = header_positions(rows, reading, COLUMNS)
    columns = [where[name] for name in COLUMNS]
    topics = {event: reading.topic_of("track", event) for event in _EVENTS.values()}

    def read_row(number: int, row: list[str]) -> Record:
        customer, moment, kind, n_lines, quantity, amount, country = (row[index] for index in columns)
        event = _EVENTS[kind]
        at = parse_time(moment)
        message_id = f"online-retail-{number}"
        properties = {
            "order_id": message_id,
            "revenue" if event == ORDER else "total": abs(float(amount)),
            "currency": "GBP",
            "quantity": abs(int(quantity)),
            "lines": int(n_lines),
            "country": country,
        }
        return Record(at, topics[event], customer, track(message_id, customer, at, event, properties))

    return records_of(rows, reading, read_row, ",".join(COLUMNS))

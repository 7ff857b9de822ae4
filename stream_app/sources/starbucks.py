"""Reader of the Starbucks offers transcript: 30 days of offers and transactions, SIMULATED by its publisher.

Every event is marked `context.simulated: true`. The file counts hours from an undisclosed start; day 0 is
taken to be 2018-07-26, the last day on which anybody in its profile file became a member. Offers reach
everyone by e-mail, so receiving and viewing one count as an e-mail delivered and opened.
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from stream_app.sources.record import Reading, Record
from stream_app.sources.tabular import records_of
from stream_app.sources.times import parse_time
from stream_app.sources.wire import track

START = parse_time("2018-07-26")
_HOUR = 3_600_000_000
_EVENTS = {
    "offer received": "Email Delivered",
    "offer viewed": "Email Opened",
    "offer completed": "Coupon Applied",
    "transaction": "Order Completed",
}


class _Line(msgspec.Struct):
    person: str
    event: str
    value: dict[str, Any]
    time: int


def read(lines: Iterator[str], reading: Reading) -> Iterator[Record]:
    """Yield an event for each JSON line; its `value` spells `offer id` or `offer_id`."""
    decode = msgspec.json.Decoder(_Line).decode
    topics = {event: reading.topic_of("track", event) for event in _EVENTS.values()}

    def read_row(number: int, row: list[str]) -> Record:
        line = decode(row[0])  # msgspec's errors are ValueErrors
        event = _EVENTS[line.event]
        at = START + line.time * _HOUR
        message_id = f"starbucks-{number}"
        value = track(message_id, line.person, at, event, _properties(message_id, line.value), simulated=True)
        return Record(at, topics[event], line.person, value)

    rows = ([line] for line in lines if line)
    return records_of(rows, reading, read_row, '{"person", "event", "value", "time"} on each line')


def _properties(message_id: str, value: dict[str, Any]) -> dict[str, Any]:
    if "amount" in value:
        return {"order_id": message_id, "revenue": value["amount"], "currency": "USD"}
    offer = value.get("offer id", value.get("offer_id"))
    return {"campaign_id": offer, "email_id": offer} | (
        {"reward": value["reward"]} if "reward" in value else {}
    )

"""Whatever producers send: each record has its outcome, none stops a partition, none is lost silently."""

import json
import os
from typing import Any, NamedTuple

import orjson
import pytest

from stream_app.topics import LARGEST_RECORD
from tests.integration.traffic import body, moment, order, sent
from tests.integration.workers import Found, Place, Sent, Tenant

pytestmark = pytest.mark.integration

FIVE_MB = 5 * 1024 * 1024


class Bad(NamedTuple):
    """A record that must become a dead letter for this reason."""

    reason: str
    value: bytes | None
    topic: str = "purchases"


def event(at: object = None, *, without: tuple[str, ...] = (), **more: Any) -> bytes:
    """A good order, spoilt."""
    made = body("spoilt", "Order Completed", moment() if at is None else at, **more)
    return json.dumps({name: value for name, value in made.items() if name not in without}).encode()


def amount(revenue: object) -> bytes:
    return event(properties={"revenue": revenue})


BAD = [
    Bad("null_value", None),
    Bad("null_value", None, "email"),
    Bad("invalid_json", b""),
    Bad("invalid_json", b"{"),
    Bad("invalid_json", b"not json at all", "clickstream"),
    Bad("invalid_json", b'{"messageId": "\xff\xfe"}'),
    Bad("invalid_json", b"\x00\x01\x02\x03\x04AVRO", "ads"),
    Bad("invalid_json", event() + b"garbage"),
    Bad("invalid_json", b'{"properties":' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
    Bad("wrong_type", b"[]"),
    Bad("wrong_type", b'"Order Completed"'),
    Bad("wrong_type", b"42", "social"),
    Bad("wrong_type", event(userId={"id": "spoilt"})),
    Bad("wrong_type", event(event=["Order Completed"])),
    Bad("wrong_type", event(type="purchase")),
    Bad("wrong_type", event(without=("type",))),
    Bad("wrong_type", event(without=("event",))),
    Bad("missing_id", event(without=("userId",))),
    Bad("missing_id", event(userId="  undefined ")),
    Bad("missing_id", event(userId=None, anonymousId=""), "service"),
    Bad("missing_message_id", event(without=("messageId",))),
    Bad("missing_message_id", event(messageId="")),
    Bad("missing_timestamp", event(without=("timestamp",))),
    Bad("bad_timestamp", event("yesterday")),
    Bad("bad_timestamp", event("2026-13-45T00:00:00Z")),
    Bad("future_timestamp", event("2099-01-01T00:00:00Z")),
    Bad("future_timestamp", event(4_070_908_800_000)),
    Bad("ancient_timestamp", event("1970-01-01T00:00:00Z")),
    Bad("ancient_timestamp", event(0)),
    Bad("ancient_timestamp", event(1_795_356_617)),  # seconds where milliseconds belong
    Bad("bad_amount", amount(float("nan"))),
    Bad("bad_amount", amount(float("inf"))),
    Bad("bad_amount", amount(float("-inf"))),
    Bad("bad_amount", amount("NaN")),
    Bad("bad_amount", amount(10**400)),
    Bad("bad_amount", amount(-12.5)),
    Bad("bad_amount", amount("a lot")),
    Bad("bad_amount", amount(1e15)),
    Bad("bad_amount", event(properties={"products": [{"price": -1, "quantity": 2}]})),
    Bad("too_large", event(properties={"note": "x" * FIVE_MB})),
    Bad("too_large", os.urandom(FIVE_MB), "clickstream"),
    Bad("too_large", event(userId="x" * 600)),
]


def encoded(topic: str, made: dict[str, Any]) -> Sent:
    return Sent(topic, str(made["userId"]).encode(), json.dumps(made).encode())


def headers_of(letter: Found) -> dict[str, str]:
    return {name: value.decode() for name, value in letter.headers.items()}


def source_of(letter: Found) -> Place:
    told = headers_of(letter)
    return Place(told["topic"], int(told["partition"]), int(told["offset"]))


@pytest.mark.parametrize("clock", ["wall", "event"])
def test_every_bad_record_becomes_one_dead_letter_and_every_good_one_counts(
    tenant: Tenant, clock: str
) -> None:
    shoppers = [f"shopper-{n}" for n in range(12)]
    assert {tenant.home(shopper) for shopper in shoppers} == {0, 1}
    records: list[Sent] = []
    expected: list[Bad | None] = []
    for number, bad in enumerate(BAD):  # on both partitions, good events before, between and after
        shopper = shoppers[number % len(shoppers)]
        records.append(order(shopper, moment(), 10.25))
        records.append(
            Sent(bad.topic, b"some key", bad.value, number % 2, [("trace", b"abc"), ("empty", b"")])
        )
        records.append(sent(shopper, "Product Viewed", moment()))
        expected += [None, bad, None]
    places = tenant.send(records)
    tenant.send([Sent("ticks", b"k", garbage, p) for garbage in (b"?", b"{}", b"[]", None) for p in (0, 1)])
    tenant.send([Sent("stage-changes", None, garbage, p) for garbage in (b"?", b"[1]") for p in (0, 1)])
    tenant.send([Sent("stage-changes", b"shopper-1", None, p) for p in (0, 1)])
    with tenant.worker("--clock", clock) as worker:
        tenant.drain(worker)
        later = tenant.send([order(shopper, moment(), 1.5) for shopper in shoppers])
        tenant.drain(worker)
    assert len(later) == len(shoppers)

    wanted = {place: bad for place, bad in zip(places, expected, strict=True) if bad is not None}
    letters = tenant.dead_letters()
    assert [source_of(letter) for letter in letters if source_of(letter) not in wanted] == []
    assert len(letters) == len(wanted) == len(BAD)
    for letter in letters:
        bad, told = wanted[source_of(letter)], headers_of(letter)
        assert told["reason"] == bad.reason, (bad.value, told)
        assert told["sentence"].endswith(".")
        assert "\n" not in told["sentence"]
        assert letter.key == b"some key"
        assert (letter.value, "null" in told) == ((b"", True) if bad.value is None else (bad.value, False))
        assert (told["original-trace"], told["original-empty"]) == ("abc", "")

    orders = dict.fromkeys(shoppers, 1)
    for number in range(len(BAD)):
        orders[shoppers[number % len(shoppers)]] += 1
    served = tenant.served()
    told_orders = {customer: int(fields["orders"]) for customer, fields in served.customers.items()}
    assert told_orders == orders
    for shopper, fields in served.customers.items():
        assert float(fields["revenue"]) == pytest.approx((orders[shopper] - 1) * 10.25 + 1.5)
    assert sum(served.counts.values()) == len(shoppers)


def test_what_is_odd_but_says_enough_is_accepted_as_documented(tenant: Tenant) -> None:
    odd_ids = [
        "__republish__",
        "a{b}c",
        "line\nbreak",
        "naïve ☃ 🛍",
        "with:colon",
        "'; DROP TABLE--",
        "\u0000",
        "x" * 512,
    ]
    records = [order(customer, moment(), 5) for customer in odd_ids]
    records += [
        # An unknown event counts as an event, and its properties are its own business.
        encoded("purchases", body("odd", "Frobnicated", moment(), properties={"revenue": -5})),
        encoded("email", body("odd", "Emaïl Öpened?!", moment())),
        # On the topic of another stream it is the same event; the Kafka key does not say who it is.
        Sent("social", b"someone else", order("odd", moment(), 7).value, tenant.home("odd")),
        Sent("purchases", None, order("odd", moment(), 7).value, tenant.home("odd")),
        # Numbers as ids and amounts as text, as some clients send them.
        encoded("purchases", body(12345, "Order Completed", moment(), properties={"revenue": "9.5"})),
        # Late by years, and still in the totals.
        order("odd", moment(4000), 7),
    ]  # fmt: skip
    doubled = order("doubled", moment(), 3)
    tenant.send([*records, doubled, doubled, doubled])
    with tenant.worker() as worker:
        tenant.drain(worker)

    assert tenant.dead_letters() == []
    served = tenant.served().customers
    orders = {
        customer: (int(fields["orders"]), float(fields["revenue"])) for customer, fields in served.items()
    }
    assert orders == {
        **dict.fromkeys(odd_ids, (1, 5.0)), "odd": (3, 21.0), "12345": (1, 9.5), "doubled": (1, 3.0),
    }  # fmt: skip
    [shown] = tenant.commands([(["show", "naïve ☃ 🛍", "--json"], {})])
    assert orjson.loads(shown.output)["customer_id"] == "naïve ☃ 🛍"


def test_a_producer_with_another_partitioner_is_told_where_its_events_belong(tenant: Tenant) -> None:
    strays = [f"stray-{n}" for n in range(20)]
    wrong = tenant.send(
        [
            order(name, moment(), 4)._replace(partition=1 - tenant.home(name))
            for name in strays
            for _ in range(3)
        ]
    )
    tenant.send([order("at-home", moment(), 4)])
    with tenant.worker() as worker:
        tenant.drain(worker)
        tenant.send([order(name, moment(), 6) for name in strays[:5]])  # repaired
        tenant.drain(worker)

    letters = tenant.dead_letters()
    assert sorted(source_of(letter) for letter in letters) == sorted(wrong)
    for letter in letters:
        told = headers_of(letter)
        right = tenant.home(orjson.loads(letter.value or b"")["userId"])
        assert told["reason"] == "wrong_partition"
        assert f"belongs on {right} of 2" in told["sentence"]
        assert "murmur2" in told["sentence"]
    served = tenant.served().customers
    assert {name: fields["orders"] for name, fields in served.items()} == {
        "at-home": "1", **dict.fromkeys(strays[:5], "1"),
    }  # fmt: skip


def test_the_largest_record_that_a_topic_takes_gets_its_dead_letter_too(tenant: Tenant) -> None:
    value = os.urandom(LARGEST_RECORD - 120)  # leaves the batch's own bytes, and cannot be compressed
    [place] = tenant.send([Sent("purchases", b"huge", value, 0)])
    tenant.send([order("after", moment(), 4)._replace(partition=tenant.home("after"))])
    with tenant.worker() as worker:
        tenant.drain(worker)
    [letter] = tenant.dead_letters()
    assert (source_of(letter), headers_of(letter)["reason"]) == (place, "too_large")
    assert letter.value == value
    assert tenant.served().customers["after"]["orders"] == "1"

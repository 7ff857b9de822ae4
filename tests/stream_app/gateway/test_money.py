"""Webhooks about money: what counts as an order or a refund, whose it is, and that nothing counts twice."""

from typing import Any

import orjson
import pytest

from stream_app.gateway.expressions import Expression
from stream_app.gateway.mapping import event_of, payloads
from stream_app.gateway.source_file import load_source


def made(source: str, body: dict[str, Any], headers: dict[str, str]) -> list[dict[str, Any]]:
    """The events of a body, without what is passed over."""
    rules = load_source(source)
    found = (event_of(rules, payload) for payload in payloads(rules, orjson.dumps(body), headers, {}))
    return [orjson.loads(event) for event in found if event is not None]


def stripe(call: str, thing: dict[str, Any]) -> dict[str, Any] | None:
    about = {"id": "evt_1", "object": "event", "created": 1763800000, "type": call}
    events = made("stripe", {**about, "data": {"object": {"id": "x_1", "currency": "usd", **thing}}}, {})
    return events[0] if events else None


def session(**more: Any) -> dict[str, Any]:
    """A checkout that is paid."""
    paid = {"mode": "payment", "payment_status": "paid", "amount_total": 2750, "client_reference_id": "u1"}
    return {**paid, "invoice_creation": {"enabled": False}, **more}


COMPLETED, LATER = "checkout.session.completed", "checkout.session.async_payment_succeeded"


@pytest.mark.parametrize("call", [COMPLETED, LATER])
def test_a_checkout_is_an_order_once_it_is_paid(call: str) -> None:
    event = stripe(call, session())

    assert event is not None
    assert (event["event"], event["userId"]) == ("Order Completed", "u1")
    assert event["properties"] == {"order_id": "x_1", "revenue": 27.5, "currency": "usd"}


@pytest.mark.parametrize(
    ("call", "thing"),
    [
        (COMPLETED, session(payment_status="unpaid")),
        (COMPLETED, session(payment_status="no_payment_required", amount_total=0)),
        (COMPLETED, session(mode="setup", payment_status="no_payment_required", amount_total=None)),
        (COMPLETED, session(mode="subscription")),
        (COMPLETED, session(invoice_creation={"enabled": True})),
        ("checkout.session.async_payment_failed", session(payment_status="unpaid")),
        ("checkout.session.expired", session(payment_status="unpaid")),
        ("invoice.paid", {"customer": "cus_1", "amount_paid": 0}),
    ],
)
def test_what_brings_no_money_or_is_told_by_an_invoice_is_no_order(call: str, thing: dict[str, Any]) -> None:
    assert stripe(call, thing) is None


SUBSCRIPTION = {"subscription": "sub_1", "metadata": {"user_id": "u1"}}


@pytest.mark.parametrize(
    "place",
    [
        {"parent": {"type": "subscription_details", "subscription_details": SUBSCRIPTION}},
        {"subscription": "sub_1", "subscription_details": {"metadata": {"user_id": "u1"}}},
    ],
    ids=["current", "before 2025-03-31"],
)
def test_an_invoice_is_that_of_its_subscriptions_customer_in_old_and_new_versions_of_the_api(
    place: dict[str, Any],
) -> None:
    paid = stripe("invoice.paid", {"customer": "cus_1", "amount_paid": 999, "metadata": {}, **place})
    failed = stripe("invoice.payment_failed", {"customer": "cus_1", "metadata": {}, **place})

    assert paid is not None
    assert (paid["event"], paid["userId"], paid["properties"]["revenue"]) == ("Invoice Paid", "u1", 9.99)
    assert failed is not None
    assert (failed["userId"], failed["properties"]) == ("u1", {"subscription_id": "sub_1"})


def test_an_invoice_without_a_subscription_is_still_somebodys() -> None:
    paid = {"customer": "cus_1", "amount_paid": 999, "parent": None}
    event = stripe("invoice.paid", paid)
    mine = stripe("invoice.paid", {**paid, "metadata": {"user_id": "u1"}})

    assert event is not None
    assert event["userId"] == "cus_1"
    assert mine is not None
    assert mine["userId"] == "u1"


@pytest.mark.parametrize(
    ("amount", "currency", "units"),
    [
        (2750, "usd", 27.5), (2750, "JPY", 2750), (5120, "kwd", 5.12), (5120, "BHD", 5.12), (1230, "tnd", 1.23),
        (10, "jod", 0.01), (1230, "omr", 1.23), (500, "ugx", 5), (500, "isk", 5), (500, None, 5), (None, "usd", None),
    ],
)  # fmt: skip
def test_amounts_are_counted_in_the_smallest_unit_of_their_currency(
    amount: int | None, currency: str | None, units: float | None
) -> None:
    assert Expression("minor(n, c)").of({"n": amount, "c": currency}) == units


def refund(number: int, amount: str, at: str, **more: Any) -> dict[str, Any]:
    """A refund as it lies in an order."""
    money = {"kind": "refund", "status": "success", "amount": amount, "currency": "USD"}
    return {"id": number, "order_id": 7, "created_at": at, "transactions": [money], **more}


def shopify(topic: str, refunds: list[dict[str, Any]], **more: Any) -> list[dict[str, Any]]:
    order = {
        "id": 7, "created_at": "2025-11-10T10:00:00-05:00", "updated_at": "2025-11-15T09:00:10-05:00",
        "total_price": "60.00", "currency": "USD", "financial_status": "paid", "customer": {"id": 17},
    }  # fmt: skip
    headers = {"x-shopify-topic": topic, "x-shopify-webhook-id": topic}
    return made("shopify", {**order, "refunds": refunds, **more}, headers)


def moved(events: list[dict[str, Any]]) -> dict[str, tuple[str, str, float]]:
    """What counts as money, by messageId: whatever has the same one counts once."""
    return {
        each["messageId"]: (each["event"], each["userId"], each["properties"]["revenue"])
        for each in events
        if each["event"] != "Order Updated"
    }


FIRST = refund(1, "20.00", "2025-11-15T09:00:05-05:00")
REST = refund(2, "40.00", "2025-11-16T12:00:00-05:00")
CANCELLED = {"cancelled_at": "2025-11-16T12:00:01-05:00", "updated_at": "2025-11-16T12:00:02-05:00"}


def test_a_partial_refund_counts_for_the_customer_of_its_order() -> None:
    assert moved(shopify("orders/updated", [FIRST])) == {"shopify-refund-1": ("Order Refunded", "17", 20.0)}


def test_the_refund_of_a_cancelled_order_counts_once_and_without_what_went_back_before() -> None:
    told = {"shopify-refund-2": ("Order Refunded", "17", 40.0)}

    assert moved(shopify("orders/updated", [FIRST, REST], **CANCELLED)) == told
    assert moved(shopify("orders/cancelled", [FIRST, REST], **CANCELLED)) == told


@pytest.mark.parametrize(
    ("topic", "refunds", "more"),
    [
        ("orders/updated", [FIRST], {"updated_at": "2025-12-24T09:00:00-05:00"}),
        ("orders/updated", [{**FIRST, "transactions": []}], {}),
        ("orders/updated", [{**FIRST, "transactions": [{"kind": "refund", "status": "failure", "amount": "20"}]}], {}),
        ("orders/cancelled", [], CANCELLED),
        ("refunds/create", [], FIRST),
    ],
    ids=["told long ago", "nothing went back", "it failed", "never paid", "names no customer"],
)  # fmt: skip
def test_what_moves_no_money_or_was_told_before_is_no_refund(
    topic: str, refunds: list[dict[str, Any]], more: dict[str, Any]
) -> None:
    assert moved(shopify(topic, refunds, **more)) == {}


def test_an_order_with_a_refund_in_it_is_still_one_order() -> None:
    assert moved(shopify("orders/paid", [FIRST])) == {
        "shopify-order-7": ("Order Completed", "17", 60.0),
        "shopify-refund-1": ("Order Refunded", "17", 20.0),
    }

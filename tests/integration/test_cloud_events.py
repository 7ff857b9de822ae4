"""CloudEvents that others write to Kafka, in both modes of its protocol binding, are folded like all events."""

import json
from typing import Any

import pytest

from tests.integration.workers import Sent, Tenant

pytestmark = pytest.mark.integration

ABOUT = {"specversion": "1.0", "source": "/shop/web", "partitionkey": "ann", "time": "2026-03-01T00:00:00Z"}


def binary(name: str, call: str, data: dict[str, Any] | None) -> Sent:
    """Attributes in headers, data as the value; without data there is no value."""
    attributes = {**ABOUT, "id": name, "type": call}
    headers = [(f"ce_{key}", value.encode()) for key, value in attributes.items()]
    value = None if data is None else json.dumps(data).encode()
    return Sent("purchases", b"ann", value, None, [*headers, ("content-type", b"application/json")])


def structured(name: str, call: str, data: dict[str, Any]) -> Sent:
    """Everything in the value."""
    event = {**ABOUT, "id": name, "type": call, "datacontenttype": "application/json", "data": data}
    headers = [("content-type", b"application/cloudevents+json; charset=UTF-8")]
    return Sent("purchases", b"ann", json.dumps(event).encode(), None, headers)


def test_cloud_events_on_kafka_are_folded_in_both_modes(tenant: Tenant) -> None:
    with tenant.worker("--clock", "event") as worker:
        tenant.send(
            [
                binary("e1", "com.example.order.completed", {"userId": "ann", "properties": {"revenue": 20}}),
                structured("e2", "com.example.order.completed.v1", {"properties": {"revenue": "2.5"}}),
                binary("e1", "com.example.order.completed", {"userId": "ann", "properties": {"revenue": 20}}),
                binary("e3", "com.example.product.viewed", None),
                structured("e4", "com.example.order.completed", {"properties": {"revenue": -1}}),
            ]
        )
        tenant.tick("2026-03-02T00:00:00Z")
        tenant.drain(worker)

    fields = tenant.served().customers["ann"]
    assert (fields["orders"], fields["revenue"]) == ("2", "22.5")
    (letter,) = tenant.dead_letters()
    assert letter.headers["reason"] == b"bad_amount"

"""PostHog has one id for visitors and customers: who becomes which, and which visitors become whose."""

import time
from typing import Any

import orjson
import posthog
import pytest

from state import format_instant
from stream_app.gateway.posthog import as_segment
from stream_app.redis_keys import alias_key
from tests.integration.workers import Tenant, Worker
from tests.stream_app.gateway.doors import KEY, gateway

VISITOR = {"$device_id": "d1", "$is_identified": False, "$process_person_profile": True}


def who(event: str, **properties: Any) -> dict[str, Any]:
    """The ids of what an event of ``d1`` becomes."""
    raw = orjson.dumps({"event": event, "distinct_id": "d1", "uuid": "m1", "properties": properties})
    made = orjson.loads(as_segment(raw))
    return {key: made[key] for key in ("userId", "anonymousId", "previousId") if key in made}


def settle(tenant: Tenant, worker: Worker) -> None:
    tenant.tick(format_instant(time.time_ns() // 1000))
    tenant.drain(worker)


@pytest.mark.parametrize("event", ["Order Completed", "$pageview", "$screen", "$groupidentify"])
def test_an_event_is_a_visitors_unless_it_says_that_its_person_is_identified(event: str) -> None:
    assert who(event) == {"anonymousId": "d1"}
    assert who(event, **VISITOR) == {"anonymousId": "d1"}
    assert who(event, **{"$is_identified": False, "$user_id": "d1"}) == {"anonymousId": "d1"}
    assert who(event, **{"$is_identified": True, "$user_id": "u1"}) == {"anonymousId": "d1"}
    assert who(event, **{"$is_identified": True}) == {"userId": "d1"}
    assert who(event, **{"$user_id": "d1", "$device_id": "a1"}) == {"userId": "d1"}


def test_who_is_identified_is_a_customer_and_so_is_whose_traits_a_server_sets() -> None:
    assert who("$identify", **{"$anon_distinct_id": "a1"}) == {"userId": "d1", "anonymousId": "a1"}
    assert who("$identify", **VISITOR) == {"userId": "d1"}
    assert who("$set", **{"$set": {"plan": "pro"}}) == {"userId": "d1"}
    assert who("$set", **VISITOR) == {"anonymousId": "d1"}


def test_an_alias_leads_from_the_visitor_to_the_customer() -> None:
    assert who("$create_alias", alias="u1") == {"previousId": "d1", "userId": "u1"}
    assert who("$create_alias", alias="u1", **VISITOR) == {"previousId": "d1", "userId": "u1"}
    assert who("$create_alias", alias="u1", **{"$is_identified": True, "$user_id": "u1"}) == {
        "previousId": "d1", "userId": "u1",
    }  # fmt: skip
    assert who("$create_alias", alias="a1", **{"$is_identified": True}) == {
        "previousId": "a1", "userId": "d1",
    }  # fmt: skip
    assert who("$merge_dangerously", alias="a1") == {"previousId": "a1", "userId": "d1"}


@pytest.mark.integration
def test_visitors_become_the_customers_that_posthogs_own_client_says_they_are(elsewhere: Tenant) -> None:
    """By an alias and by ``$identify``; whoever was identified once is not taken over by somebody else."""
    with gateway(elsewhere) as door, elsewhere.worker("--clock", "event") as worker:
        hog = posthog.Posthog(KEY, host=door.url)
        for each in ("visitor-1", "visitor-2", "ann"):
            hog.capture("Order Completed", distinct_id=each, properties={"revenue": 10})
        hog.alias(previous_id="visitor-1", distinct_id="ann")
        hog.capture("$identify", distinct_id="ben", properties={"$anon_distinct_id": "visitor-2"})
        hog.capture("Order Completed", distinct_id="ben", properties={"revenue": 5})
        hog.flush()
        settle(elsewhere, worker)
        hog.capture("$identify", distinct_id="eve", properties={"$anon_distinct_id": "ann"})
        hog.capture("Order Completed", distinct_id="visitor-1", properties={"revenue": 1})
        hog.shutdown()
        settle(elsewhere, worker)

        customers = elsewhere.served().customers
        assert {each: (fields["orders"], fields["revenue"]) for each, fields in customers.items()} == {
            "ann": ("3", "21.0"), "ben": ("2", "15.0"), "eve": ("0", "0.0"),
        }  # fmt: skip
        found = elsewhere.redis(
            lambda client: client.mget(
                [alias_key(elsewhere.prefix, each) for each in ("visitor-1", "visitor-2", "ann")]
            )
        )
        assert found == [b"ann", b"ben", None]
